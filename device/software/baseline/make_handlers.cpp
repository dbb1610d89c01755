// At build time: makes an object with the handlers of the forms in a PTX text, for the processor that OUTBOARD_CPU
// names.
//   make_handlers FORMS.ptx OBJECT NAME     the object defines outboard_handlers_NAME and its count
//   make_handlers --collect FILE.ptx...     writes the forms that those modules use, as such a text, to standard output
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "device/software/baseline/form.h"
#include "device/software/baseline/handlers.h"
#include "device/software/codegen/machine_code.h"
#include "device/software/ptx/parser.h"

namespace {

using software::Form;

struct Forms {
  std::map<std::string, Form> by_key;
  std::map<std::string, std::string> texts;  // by key: the line of PTX
};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "make_handlers: %s\n", why.c_str());
  std::exit(1);
}

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up(std::string("cannot read ") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Names do not matter here, so that every variable is at 0.
software::Placement placement_of(const ptx::Module& module) {
  std::vector<uint32_t> none(module.functions.size(), 0);
  return {std::vector<uint64_t>(module.variables.size(), 0), none, {}, none};
}

// The forms of a module; `complete`: an instruction without one is an error.
void add_forms(const char* path, bool complete, Forms& forms) {
  std::string text = read_file(path);
  ptx::Module module;
  ptx::Error error;
  if (!ptx::parse(text, module, error)) {
    if (!complete) return;
    give_up(std::string(path) + ", line " + std::to_string(error.line) + ": " + error.text);
  }
  software::Placement placement = placement_of(module);
  for (const ptx::Function& function : module.functions) {
    software::FormMaker maker(module, function, placement, 0);
    for (const ptx::Instruction& instruction : function.body) {
      auto made = maker.make(instruction);
      if (made) forms.by_key.try_emplace(made->form.key, std::move(made->form));
      bool ends = instruction.opcode == ptx::Opcode::ret;
      if (!made && complete && !ends)
        give_up(std::string(path) + ", line " + std::to_string(instruction.line) + ": there is no such form");
    }
  }
}

// --- --collect

// A form as PTX again, from its key: "add.s32 r32 r32 i" is "add.s32 %b32_0, %b32_1, 1".
class Writer {
 public:
  static std::string text(const std::string& key) {
    Writer writer;
    std::istringstream words(key);
    std::string opcode, word, line;
    words >> opcode;
    size_t pair = opcode.find(":2");  // of destinations: d|p
    if (pair != std::string::npos) opcode.resize(pair);
    while (words >> word) line += writer.operand(word);
    if (!line.empty() && line.back() == ' ') line.resize(line.size() - 1);
    if (!line.empty() && line.back() == ',') line.resize(line.size() - 1);
    if (pair != std::string::npos) line.replace(line.find(", "), 2, "|");
    return opcode + " " + line + ";";
  }

 private:
  std::string operand(const std::string& word) {
    if (word == "[") return open_ = 1, "[";
    if (word == "]") {
      std::string end = open_ == 2 ? "+1], " : "1], ";
      open_ = 0;
      return end;
    }
    if (word == "{") return "{";
    if (word == "}") return "}, ";
    std::string text = plain(word);
    if (open_ == 1) return open_ = 2, text;
    return text + ", ";
  }

  std::string plain(const std::string& word) {
    if (word == "i") return "1";
    if (word == "f") return "0f3F800000";
    if (word == "d") return "0d3FF0000000000000";
    if (word == "_") return "_";
    if (word == "parameters") return "parameters";
    if (word[0] == '#') return word.substr(1);
    bool negated = word.back() == '!';
    std::string width = word.substr(1, word.size() - 1 - negated);
    return std::string(negated ? "!" : "") + "%b" + width + "_" + std::to_string(count_++ % 8);
  }

  int open_ = 0;
  unsigned count_ = 0;
};

// What Writer cannot say: special registers, whose numbers are no names, and parts of registers.
bool can_be_written(const std::string& key) {
  for (size_t at = key.find(' '); at != std::string::npos; at = key.find(' ', at + 1)) {
    if (key[at + 1] == '%') return false;
    if (key[at + 1] == 'r' && key.find('.', at) < key.find(' ', at + 1)) return false;
  }
  return true;
}

void collect(int count, char** paths) {
  Forms forms;
  for (int i = 0; i < count; ++i) add_forms(paths[i], false, forms);
  for (const auto& [key, form] : forms.by_key) {
    if (!can_be_written(key)) continue;
    std::string line = Writer::text(key);
    size_t at;
    while ((at = line.find(", }")) != std::string::npos) line.erase(at, 2);
    std::cout << "  " << line << "\n";
  }
}

// --- the object

llvm::Constant* text_constant(llvm::Module& module, const std::string& text) {
  auto* bytes = llvm::ConstantDataArray::getString(module.getContext(), text);
  return new llvm::GlobalVariable(module, bytes->getType(), true, llvm::GlobalValue::PrivateLinkage, bytes);
}

// The table that handlers.cpp looks into: BuiltInHandler, one of each form.
void add_table(llvm::Module& module, const Forms& forms, const std::string& name) {
  auto& context = module.getContext();
  auto* pointer = llvm::PointerType::get(context, 0);
  auto* row = llvm::StructType::get(context, {pointer, pointer, pointer});
  std::vector<llvm::Constant*> rows;
  size_t i = 0;
  for (const auto& [key, form] : forms.by_key) {
    auto function = [&](const char* which) {
      auto* found = module.getFunction(which + std::to_string(i));
      found->setLinkage(llvm::GlobalValue::InternalLinkage);
      return found;
    };
    auto *all = function("all."), *some = function("some.");
    rows.push_back(llvm::ConstantStruct::get(row, {text_constant(module, key), all, some}));
    ++i;
  }
  auto global = [&](const std::string& symbol, llvm::Constant* value) {
    auto* made =
        new llvm::GlobalVariable(module, value->getType(), true, llvm::GlobalValue::ExternalLinkage, value, symbol);
    made->setVisibility(llvm::GlobalValue::HiddenVisibility);
  };
  global("outboard_handlers_" + name, llvm::ConstantArray::get(llvm::ArrayType::get(row, rows.size()), rows));
  global("outboard_handlers_" + name + "_count", llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), rows.size()));
}

void make(const char* from, const char* to, const char* name) {
  Forms forms;
  add_forms(from, true, forms);
  std::vector<const Form*> list;
  for (const auto& [key, form] : forms.by_key) list.push_back(&form);
  llvm::LLVMContext context;
  llvm::Module module("handlers", context);
  if (auto made = software::emit_handlers(module, list); !made) give_up(made.error());
  add_table(module, forms, name);
  auto object = software::make_object(module);
  if (!object) give_up(object.error());
  std::ofstream file(to, std::ios::binary);
  file << object.value();
  if (!file.flush()) give_up(std::string("cannot write ") + to);
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 2 && std::strcmp(arguments[1], "--collect") == 0)
    collect(count - 2, arguments + 2);
  else if (count == 4)
    make(arguments[1], arguments[2], arguments[3]);
  else
    give_up("usage: make_handlers FORMS.ptx OBJECT NAME | make_handlers --collect FILE.ptx...");
}
