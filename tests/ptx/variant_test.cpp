// Every line of variants.txt: its forms pass the parser and the code generator, or are refused with a reason.
// OUTBOARD_CHECKED=1: as code that asks before every access (outboard run --check). OUTBOARD_MACHINE_CODE=1 makes
// machine code of them, too, which takes minutes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <span>

#include "device/software/codegen/compiler.h"
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
