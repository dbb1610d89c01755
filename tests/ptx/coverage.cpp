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

namespace {

std::string contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Tested {
  std::set<std::string> types;
  size_t rows = 0, variants = 0;
};

// A file is named after the instruction that it tests; what else stands in its kernels only carries values about.
bool add_file(const std::filesystem::path& path, Tested& tested) {
  std::string text = contents(path.string()), name = path.stem().string();
  ptx::Module module;
  ptx::Error error;
  if (!ptx::parse(text, module, error)) {
    std::cerr << path << ":" << error.line << ": " << error.text << "\n";
    return false;
  }
  std::set<std::string> variants;
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
      variants.insert(variant);
      if (!types.empty()) tested.types.insert(types);
    }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) tested.rows += line.rfind("//   ", 0) == 0;
  tested.variants = variants.size();
  return true;
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
    if (entry.path().extension() == ".ptx" && !add_file(entry.path(), tested[entry.path().stem().string()])) return 1;
  std::set<std::string> random;
  for (const std::string& opcode : test::random_opcodes()) random.insert(opcode.substr(0, opcode.find('.')));
  std::ostringstream table;
  table << "# Which PTX instructions are tested, with which types\n\n"
           "Made by `ninja -C build coverage` from `device/software/ptx/instructions.def` and the files of "
           "`tests/ptx`; a test\n"
           "fails when this page is out of date. Each row of a file is run on the reference interpreter and as "
           "compiled code for\n"
           "x86-64, AVX2 and AVX-512. *Random* marks instructions that the random kernels contain, too. An instruction "
           "without a\n"
           "file may be covered by `tests/programs` or the unit tests of the code generator; one that the code "
           "generator does not\n"
           "know fails the load of its module, by name.\n\n"
           "| instruction | types | variants | rows | random |\n|---|---|---|---|---|\n";
  size_t with = 0;
  for (uint16_t i = 0; i < static_cast<uint16_t>(ptx::Opcode::count); ++i) {
    std::string name = ptx::word(static_cast<ptx::Opcode>(i));
    auto found = tested.find(name);
    bool has = found != tested.end();
    with += has;
    table << "| " << name << " | ";
    if (has)
      table << joined(found->second.types) << " | " << found->second.variants << " | " << found->second.rows;
    else
      table << "no file of its own | |";
    table << " | " << (random.count(name) ? "yes" : "") << " |\n";
  }
  table << "\n" << with << " of " << static_cast<unsigned>(ptx::Opcode::count) << " instructions have a file.\n";
  if (count > 3) {
    if (contents(arguments[2]) == table.str()) return 0;
    std::cerr << arguments[2] << " is out of date: ninja coverage\n";
    return 1;
  }
  std::ofstream(arguments[2]) << table.str();
  return 0;
}
