#include "device/software/codegen/translation.h"

#include <llvm/IR/DIBuilder.h>

#include <algorithm>
#include <stdexcept>

#include "device/software/codegen/processor.h"
#include "device/software/pass/split_loops.h"
#include "device/software/pass/width.h"

namespace software {
namespace {

// A recursive function may go this deep, in bytes of local memory per lane.
constexpr uint64_t recursion_room = 16384;
constexpr uint64_t stack_room = 16384;  // for alloca, likewise

llvm::Function* declare_resumption(const ptx::Function& kernel, llvm::Module& made) {
  auto& context = made.getContext();
  llvm::Type *pointer = llvm::PointerType::get(context, 0), *number = llvm::Type::getInt32Ty(context);
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer, number, number}, false);
  auto* function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, "ptx." + kernel.name, made);
  make_kernel_code(*function);
  return function;
}

// With what a debugger would need to know to name lines: so that a fault can be told where it is.
void declare(const ptx::Module& module, std::span<const size_t> functions, bool resumes, llvm::Module& made) {
  made.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
  llvm::DIBuilder debug(made);
  auto* file = debug.createFile("ptx", "");
  debug.createCompileUnit(llvm::dwarf::DW_LANG_C, file, "outboard", true, "", 0, "",
                          llvm::DICompileUnit::LineTablesOnly);
  auto* type = debug.createSubroutineType(debug.getOrCreateTypeArray({}));
  for (size_t index : functions) {
    const ptx::Function& function = module.functions[index];
    auto* scope = debug.createFunction(file, function.name, "", file, function.line, type, function.line,
                                       llvm::DINode::FlagZero, llvm::DISubprogram::SPFlagDefinition);
    bool other = resumes && function.is_entry;
    (other ? declare_resumption(function, made) : Emitter::declare(made, function))->setSubprogram(scope);
  }
  debug.finalize();
}

}  // namespace

uint64_t local_bytes(const ptx::Module& module, std::span<const size_t> functions, const Placement& placement) {
  bool stack = std::any_of(functions.begin(), functions.end(),
                           [&](size_t index) { return uses_stack(module.functions[index]); });
  uint64_t bytes = (functions.size() > 1 ? recursion_room : 0) + (stack ? stack_room : 0);
  for (size_t index : functions)
    bytes += lay_out_frame(module.functions[index], placement.function_shared[index]).bytes;
  return bytes;
}

namespace {

// Fewer lanes at once where their values would not fit into the processor's registers.
Grouping fitting(const ptx::Module& module, std::span<const size_t> functions, Grouping grouping) {
  if (functions.size() > 1 || !grouping.threads || grouping.checked) return grouping;
  grouping.lanes = lanes_at_once(module, module.functions[functions[0]], vector_registers());
  grouping.columns = std::min(grouping.columns, grouping.lanes);
  return grouping;
}

// `steps`: the kernel goes on from those; nullptr: it begins.
base::Result<Emitted> emit(const ptx::Module& module, std::span<const size_t> functions, const Placement& placement,
                           Grouping grouping, const FunctionSteps* steps) {
  Emitted made;
  grouping = fitting(module, functions, grouping);
  made.lanes = grouping.lanes;
  auto* address = llvm::Type::getInt64Ty(*made.context);
  auto* cell = new llvm::GlobalVariable(*made.module, address, false, llvm::GlobalValue::ExternalLinkage,
                                        llvm::ConstantInt::get(address, 0), variables_symbol);
  cell->setDSOLocal(true);
  declare(module, functions, steps != nullptr, *made.module);
  for (size_t index : functions) {
    const ptx::Function& function = module.functions[index];
    try {
      std::optional<ptx::Function> split;
      if (made.lanes < lanes) split = split_loops(function, grouping, vector_registers());
      Emitter emitter(*made.module, module, index, split ? *split : function, placement, grouping);
      if (steps && function.is_entry)
        emitter.emit_resumption(*steps);
      else
        emitter.emit();
      if (!function.is_entry) continue;
      made.staging = emitter.staging();
      made.kept = emitter.kept_bytes();
    } catch (const Unsupported& refusal) {
      return base::Error{(function.is_entry ? "kernel " : "function ") + function.name + ", line " +
                         std::to_string(refusal.line) + ": " + refusal.text};
    } catch (const std::out_of_range&) {  // one of the analyses, which know no lines
      return base::Error{(function.is_entry ? "kernel " : "function ") + function.name + ", from line " +
                         std::to_string(function.line) + " on: an instruction lacks an operand"};
    }
  }
  return made;
}

base::Result<MachineCode> finish(Emitted made, const ptx::Module& module, std::span<const size_t> functions,
                                 const Placement& placement) {
  const ptx::Function& kernel = module.functions[functions[0]];
  made.module->getFunction("ptx." + kernel.name)->setName(kernel_symbol);
  MachineCode code = TRY(make_machine_code(*made.module, kernel.line));
  code.local_bytes = static_cast<uint32_t>(local_bytes(module, functions, placement));
  code.staging = made.staging;
  code.kept_bytes = static_cast<uint32_t>(made.kept);
  code.lanes = made.lanes;
  return code;
}

}  // namespace

base::Result<Emitted> emit(const ptx::Module& module, std::span<const size_t> functions, const Placement& placement,
                           Grouping grouping) {
  return emit(module, functions, placement, grouping, nullptr);
}

base::Result<MachineCode> translate(const ptx::Module& module, std::span<const size_t> functions,
                                    const Placement& placement, Grouping grouping) {
  return finish(TRY(emit(module, functions, placement, grouping, nullptr)), module, functions, placement);
}

base::Result<MachineCode> translate_resumption(const ptx::Module& module, std::span<const size_t> functions,
                                               const Placement& placement, const FunctionSteps& steps) {
  return finish(TRY(emit(module, functions, placement, Grouping{}, &steps)), module, functions, placement);
}

}  // namespace software
