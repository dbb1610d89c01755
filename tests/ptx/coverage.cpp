// Writes docs/coverage.md: which instructions, with which types, the files of tests/ptx test; the rows of the table are
// those of instructions.def. With --check, says whether the file on disk is what would be written.
//   coverage FOLDER FILE [--check]
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "device/software/ptx/modifiers.h"
#include "device/software/ptx/parser.h"
#include "tests/ptx/random.h"
#include "tests/ptx/variants.h"

namespace {

std::string contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Tested {
  std::set<std::string> types, variants;
  size_t rows = 0;
};

// "cvt" of cvt.ptx and of cvt-narrow.ptx.
std::string instruction_tested(const std::filesystem::path& path) {
  std::string stem = path.stem().string();
  return stem.substr(0, stem.find('-'));
}

// A file is named after the instruction that it tests; what else stands in its kernels only carries values about.
bool add_file(const std::filesystem::path& path, Tested& tested) {
  std::string text = contents(path.string()), name = instruction_tested(path);
  ptx::Module module;
  ptx::Error error;
  if (!ptx::parse(text, module, error)) {
    std::cerr << path << ":" << error.line << ": " << error.text << "\n";
    return false;
  }
  for (const ptx::Function& function : module.functions)
    for (const ptx::Instruction& instruction : function.body) {
      if (ptx::word(instruction.opcode) != name) continue;
      bool own = instruction.line != 0 && !(name == "ld" && instruction.modifiers.has("param"));
      if (!own) continue;
      std::string variant, types;
      for (const std::string& word : instruction.modifiers.words) variant += "." + word;
      for (const std::string& word : instruction.modifiers.words) {
        ptx::Modifiers one;
        ptx::add_modifier(one, word);
        if (one.type != ptx::Type::none) types += "." + word;
      }
      tested.variants.insert(variant);
      if (!types.empty()) tested.types.insert(types);
    }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) tested.rows += line.rfind("//   ", 0) == 0;
  return true;
}

// The forms of variants.txt, by instruction.
struct Forms {
  size_t all = 0, refused = 0;
};
std::map<std::string, Forms> forms_in(const std::vector<test::Line>& lines) {
  std::map<std::string, Forms> made;
  for (const test::Line& line : lines)
    for (const std::string& statement : test::forms_of(line)) {
      Forms& forms = made[test::instruction_of(statement)];
      ++forms.all;
      forms.refused += !line.refusal.empty();
    }
  return made;
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "`" : " `") + word + "`";
  return text.empty() ? "no types" : text;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return std::fprintf(stderr, "usage: coverage FOLDER FILE [--check]\n"), 2;
  std::map<std::string, Tested> tested;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1]))
    if (entry.path().extension() == ".ptx" && !add_file(entry.path(), tested[instruction_tested(entry.path())]))
      return 1;
  std::set<std::string> random;
  for (const std::string& opcode : test::random_opcodes()) random.insert(opcode.substr(0, opcode.find('.')));
  std::ostringstream table;
  table << "# Which PTX instructions are tested, with which types\n\n"
           "Made by `ninja -C build coverage` from `device/software/ptx/instructions.def` and the files of "
           "`tests/ptx`; a test\n"
           "fails when this page is out of date. Each row of a file is run on the reference interpreter and as "
           "compiled code for\n"
           "x86-64, AVX2 and AVX-512. *Random* marks instructions that the random kernels contain, too. *Forms* counts "
           "those of\n"
           "`tests/ptx/variants.txt`, legal ones (by ptxas 13.0), which a test sends through the parser and the code "
           "generator. An\n"
           "instruction without a file may be covered by `tests/programs` or the unit tests of the code generator; one "
           "that the code\n"
           "generator does not know is refused, with the kernel, the line and the instruction.\n\n"
           "| instruction | types | variants | rows | random | forms |\n|---|---|---|---|---|---|\n";
  auto lines = test::read_variants(std::string(arguments[1]) + "/variants.txt");
  auto forms = forms_in(lines);
  size_t with = 0;
  for (uint16_t i = 0; i < static_cast<uint16_t>(ptx::Opcode::count); ++i) {
    std::string name = ptx::word(static_cast<ptx::Opcode>(i));
    auto found = tested.find(name);
    bool has = found != tested.end();
    with += has;
    table << "| " << name << " | ";
    if (has)
      table << joined(found->second.types) << " | " << found->second.variants.size() << " | " << found->second.rows;
    else
      table << "no file of its own | |";
    table << " | " << (random.count(name) ? "yes" : "") << " | ";
    if (forms.count(name)) table << forms[name].all;
    if (forms.count(name) && forms[name].refused) table << ", " << forms[name].refused << " refused";
    table << " |\n";
  }
  table << "\n"
        << with << " of " << static_cast<unsigned>(ptx::Opcode::count)
        << " instructions have a file.\n\n## Legal forms that are refused\n\n";
  for (const test::Line& line : lines)
    if (!line.refusal.empty()) table << "- `" << line.text << "`: " << line.refusal << "\n";
  if (count > 3) {
    if (contents(arguments[2]) == table.str()) return 0;
    std::cerr << arguments[2] << " is out of date: ninja coverage\n";
    return 1;
  }
  std::ofstream(arguments[2]) << table.str();
  return 0;
}
