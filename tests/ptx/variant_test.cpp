// Every line of variants.txt: its forms pass the parser and the code generator, or are refused with a reason.
// OUTBOARD_CHECKED=1: as code that asks before every access (outboard run --check). OUTBOARD_MACHINE_CODE=1 makes
// machine code of them, too, which takes minutes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <span>

#include "device/software/codegen/compiler.h"
#include "device/software/ptx/ast.h"
#include "tests/ptx/variants.h"

namespace {

using namespace test;

// The empty string, or why these statements cannot be compiled.
std::string refusal(const std::vector<std::string>& statements) {
  std::vector<std::unique_ptr<uint8_t[]>> memory;
  auto allocate = [&](uint64_t size, uint64_t alignment) {
    memory.push_back(std::make_unique<uint8_t[]>(size + alignment));
    auto place = reinterpret_cast<uint64_t>(memory.back().get());
    return (place + alignment - 1) / alignment * alignment;
  };
  std::string text = kernel_of(statements);
  auto program = software::compile(std::span(&text, 1), allocate);
  if (!program) return program.error();
  auto grouping = software::grouping_of(32, 1, 1);
  grouping.checked = std::getenv("OUTBOARD_CHECKED") != nullptr;
  if (std::getenv("OUTBOARD_MACHINE_CODE")) {
    auto entry = program.value()->entry(0, grouping);
    return entry ? "" : entry.error();
  }
  auto checked = program.value()->check(0, grouping);
  return checked ? "" : checked.error();
}

TEST(variants, are_compiled) {
  size_t forms = 0, lines = 0;
  for (const Line& line : read_variants(VARIANTS)) {
    if (!line.refusal.empty()) continue;
    auto statements = forms_of(line);
    forms += statements.size();
    ++lines;
    if (refusal(statements).empty()) continue;
    for (const std::string& statement : statements) {  // which of them?
      std::string why = refusal({statement});
      EXPECT_EQ(why, "") << "variants.txt:" << line.number << ": " << statement;
    }
  }
  std::printf("%zu forms in %zu lines\n", forms, lines);
  EXPECT_GT(forms, 9000u);
}

// "add.s32 %r0, {%r1, %r2}, %r3;" as its opcode and its operands.
std::vector<std::string> parts_of(const std::string& statement) {
  std::vector<std::string> parts;
  size_t begin = statement.find(' ', statement.starts_with('@') ? statement.find(' ') + 1 : 0);
  parts.push_back(statement.substr(0, begin));
  int depth = 0;
  for (size_t at = begin; at < statement.size(); ++at) {
    char c = statement[at];
    depth += (c == '[' || c == '{' || c == '(') - (c == ']' || c == '}' || c == ')');
    if (depth > 0 || (c != ',' && c != ';')) continue;
    parts.push_back(statement.substr(begin, at - begin));
    begin = at + 1;
  }
  return parts;
}

// With operands missing at the end an instruction is another form of itself, or refused with its line.
TEST(variants, that_lack_operands_are_refused) {
  size_t refused = 0;
  for (const Line& line : read_variants(VARIANTS)) {
    if (!line.refusal.empty()) continue;
    const std::string whole = forms_of(line).front();
    if (whole.find(';') != whole.size() - 1 || whole.find(' ') == whole.npos) continue;
    std::vector<std::string> parts = parts_of(whole);
    for (; parts.size() > 1; parts.pop_back()) {
      std::string cut = parts[0];
      for (size_t i = 1; i + 1 < parts.size(); ++i) cut += (i > 1 ? "," : "") + parts[i];
      std::string why = refusal({cut + ";"});
      if (why.empty()) continue;
      ++refused;
      EXPECT_NE(why.find("line "), std::string::npos) << cut << ": " << why;
    }
  }
  EXPECT_GT(refused, 1000u);
}

// Every row of the table of instructions.
TEST(variants, that_lack_all_operands_are_refused_as_the_table_says) {
  for (uint16_t i = 0; i < static_cast<uint16_t>(ptx::Opcode::count); ++i) {
    auto opcode = static_cast<ptx::Opcode>(i);
    std::string why = refusal({std::string(ptx::word(opcode)) + ";"});
    if (ptx::fewest_operands(opcode) == 0) continue;
    EXPECT_NE(why.find("line "), std::string::npos) << ptx::word(opcode);
    EXPECT_NE(why.find("operand"), std::string::npos) << ptx::word(opcode) << ": " << why;
  }
}

// The sentence names the kernel and the line of the text.
TEST(variants, that_are_not_supported_are_refused_by_name) {
  for (const Line& line : read_variants(VARIANTS)) {
    if (line.refusal.empty()) continue;
    for (const std::string& statement : forms_of(line)) {
      std::string why = refusal({statement});
      EXPECT_NE(why.find("line "), std::string::npos) << "variants.txt:" << line.number << ": " << statement << why;
      EXPECT_NE(why.find(line.refusal), std::string::npos) << "variants.txt:" << line.number << ": " << why;
    }
  }
}

}  // namespace
