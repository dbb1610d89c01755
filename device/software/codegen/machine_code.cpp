#include "device/software/codegen/machine_code.h"

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/DebugInfo/DWARF/DWARFContext.h>
#include <llvm/ExecutionEngine/Orc/CompileUtils.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Object/ELFObjectFile.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/DataExtractor.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <cstring>

#include "device/software/codegen/dump.h"
#include "device/software/codegen/masks.h"
#include "device/software/codegen/one_by_one.h"
#include "device/software/codegen/processor.h"
#include "device/software/codegen/unroll.h"

namespace software {
namespace {

using llvm::object::ObjectFile;
using llvm::object::SectionRef;

void optimise(llvm::Module& module, llvm::TargetMachine* machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopUnrolling = false;  // the vectors are ours already
  llvm::PassBuilder builder(machine, tuning);
  add_unrolling(builder);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1).run(module, modules);
}

// LLVM, "Emitting function stack size information": per function an address and the bytes of its frame.
uint64_t frames_in(llvm::StringRef content) {
  uint64_t total = 0;
  llvm::DataExtractor data(content, true, 8);
  llvm::DataExtractor::Cursor at(0);
  while (at && at.tell() < content.size()) {
    data.getAddress(at);
    total += data.getULEB128(at);
  }
  llvm::consumeError(at.takeError());
  return total;
}

template <class T>
T value_or(llvm::Expected<T> value, T otherwise) {
  if (value) return *value;
  llvm::consumeError(value.takeError());
  return otherwise;
}

std::optional<SectionRef> section_named(const ObjectFile& object, llvm::StringRef name) {
  for (const SectionRef& section : object.sections())
    if (value_or(section.getName(), llvm::StringRef()) == name) return section;
  return std::nullopt;
}

void read_symbols(const ObjectFile& object, const SectionRef& text, MachineCode& code) {
  for (const llvm::object::SymbolRef& symbol : object.symbols()) {
    auto section = value_or(symbol.getSection(), object.section_end());
    if (section == object.section_end() || *section != text) continue;
    llvm::StringRef name = value_or(symbol.getName(), llvm::StringRef());
    uint64_t at = value_or(symbol.getValue(), uint64_t{0});
    if (name == kernel_symbol) code.entry_offset = at;
    if (!name.starts_with(lane_access_prefix)) continue;
    uint64_t size = llvm::object::ELFSymbolRef(symbol).getSize();
    code.shared_functions.emplace_back(static_cast<uint32_t>(at), static_cast<uint32_t>(at + size));
  }
}

// The debugger's line table (DWARF 5, 6.2) as far as it is about the text.
void read_lines(const ObjectFile& object, const SectionRef& text, uint32_t first_line, MachineCode& code) {
  auto debug = llvm::DWARFContext::create(object);
  for (const auto& unit : debug->compile_units()) {
    const auto* table = debug->getLineTableForUnit(unit.get());
    if (!table) continue;
    for (const auto& row : table->Rows) {
      if (row.Address.SectionIndex != text.getIndex()) continue;
      bool known = row.Line != 0 && !row.EndSequence;
      auto line = known ? static_cast<int32_t>(row.Line - first_line) : MachineCode::unknown_line;
      code.lines.push_back({static_cast<uint32_t>(row.Address.Address), line, row.Column});
    }
  }
  std::stable_sort(code.lines.begin(), code.lines.end(), [](auto& a, auto& b) { return a.offset < b.offset; });
}

base::Status describe(uint32_t first_line, MachineCode& code) {
  auto object = ObjectFile::createObjectFile(llvm::MemoryBufferRef(code.object, "kernel"));
  if (!object) return base::Error{llvm::toString(object.takeError())};
  auto text = section_named(**object, ".text");
  if (!text) return base::Error{"generated code has no text"};
  code.text_bytes = text->getSize();
  if (auto frames = section_named(**object, ".stack_sizes"))
    code.stack_bytes = frames_in(value_or(frames->getContents(), llvm::StringRef()));
  read_symbols(**object, *text, code);
  read_lines(**object, *text, first_line, code);
  return base::Done{};
}

// --- as bytes: fixed-width numbers in this machine's order, since no other machine reads them

template <class T>
void put(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
void put(std::string& bytes, const std::vector<T>& values) {
  put(bytes, static_cast<uint64_t>(values.size()));
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

struct Taking {
  std::string_view bytes;
  bool good = true;

  template <class T>
  void take(T& value) {
    good = good && bytes.size() >= sizeof value;
    if (!good) return;
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes.remove_prefix(sizeof value);
  }
  template <class T>
  void take(std::vector<T>& values) {
    uint64_t count = 0;
    take(count);
    good = good && count <= bytes.size() / sizeof(T);
    if (!good || !count) return;
    values.resize(count);
    std::memcpy(static_cast<void*>(values.data()), bytes.data(), count * sizeof(T));
    bytes.remove_prefix(count * sizeof(T));
  }
};

}  // namespace

std::string MachineCode::pack() const {
  std::string bytes;
  put(bytes, local_bytes);
  put(bytes, staging);
  put(bytes, kept_bytes);
  put(bytes, lanes);
  put(bytes, stack_bytes);
  put(bytes, text_bytes);
  put(bytes, entry_offset);
  put(bytes, lines);
  put(bytes, shared_functions);
  bytes += object;
  return bytes;
}

std::optional<MachineCode> MachineCode::unpack(std::string_view bytes) {
  MachineCode code;
  Taking from{bytes};
  from.take(code.local_bytes);
  from.take(code.staging);
  from.take(code.kept_bytes);
  from.take(code.lanes);
  from.take(code.stack_bytes);
  from.take(code.text_bytes);
  from.take(code.entry_offset);
  from.take(code.lines);
  from.take(code.shared_functions);
  if (!from.good || code.entry_offset >= code.text_bytes) return std::nullopt;
  code.object = from.bytes;
  return code;
}

base::Result<std::string> make_object(llvm::Module& module) {
  llvm::TargetMachine* machine = TRY(target_machine());
  module.setDataLayout(machine->createDataLayout());
  module.setTargetTriple(machine->getTargetTriple().str());
  for (llvm::Function& function : module) {
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("min-legal-vector-width", "512");
    function.addFnAttr("probe-stack", "inline-asm");  // a frame larger than the guard page must not step over it
  }
  std::string broken;
  llvm::raw_string_ostream text(broken);
  if (llvm::verifyModule(module, &text))
    return base::Error{"generated code is not valid: " + (broken.empty() ? "unknown" : broken.substr(0, 400))};
  optimise(module, machine);
  pin_masks(module, *machine);
  share_lane_accesses(module, *machine);
  dump(module);
  auto object = llvm::orc::SimpleCompiler(*machine)(module);
  if (!object) return base::Error{llvm::toString(object.takeError())};
  dump((*object)->getMemBufferRef());
  return (*object)->getBuffer().str();
}

base::Result<MachineCode> make_machine_code(llvm::Module& module, uint32_t first_line) {
  MachineCode code;
  code.object = TRY(make_object(module));
  TRY(describe(first_line, code));
  return code;
}

}  // namespace software
