// A module from text to kernels: variables placed at load, code made when a kernel is first launched with blocks of a
// certain shape. Libraries have thousands of kernels in a module, of which a program launches a few.
#include "device/software/codegen/compiler.h"

#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "base/log.h"
#include "device/software/codegen/emitter.h"
#include "device/software/codegen/kernel_cache.h"
#include "device/software/codegen/kernel_key.h"
#include "device/software/codegen/loader.h"
#include "device/software/ptx/link.h"
#include "device/software/ptx/parser.h"

namespace software {
namespace {

using ptx::Space;

// A recursive function may go this deep, in bytes of local memory per lane.
constexpr uint64_t recursion_room = 16384;
constexpr uint64_t stack_room = 16384;  // for alloca, likewise

uint64_t aligned(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

template <class Visit>
void each_operand(const std::vector<ptx::Operand>& operands, const Visit& visit) {
  for (const ptx::Operand& operand : operands) {
    visit(operand);
    each_operand(operand.elements, visit);
  }
}
template <class Visit>
void each_operand(const ptx::Function& function, const Visit& visit) {
  for (const ptx::Instruction& instruction : function.body) {
    each_operand(instruction.operands, visit);
    each_operand(instruction.arguments, visit);
  }
}

class CompiledProgram : public Program {
 public:
  base::Status load(std::span<const std::string> texts, const Allocate& allocate) {
    texts_ = std::make_shared<const std::vector<std::string>>(texts.begin(), texts.end());
    texts = *texts_;
    std::vector<ptx::Module> modules(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      std::string where =
          texts.size() == 1 ? "" : "module " + std::to_string(i + 1) + " of " + std::to_string(texts.size()) + ", ";
      ptx::Error error;
      if (!ptx::parse(texts[i], modules[i], error))
        return base::Error{where + "line " + std::to_string(error.line) + ": " + error.text};
    }
    std::string conflict;
    if (!ptx::link(std::move(modules), module_, conflict)) return base::Error{conflict};
    TRY(place_variables(allocate));
    find_pointed_at();
    TRY(check_calls());
    for (size_t i = 0; i < module_.functions.size(); ++i)
      if (module_.functions[i].is_entry && module_.functions[i].defined) load_kernel(i);
    return base::Done{};
  }

  const std::vector<Kernel>& kernels() const override { return kernels_; }
  const std::vector<Variable>& variables() const override { return variables_; }

  base::Result<Entry> entry(size_t kernel, Grouping grouping) override {
    Body& body = *bodies_.at(kernel);
    std::lock_guard lock(body.mutex);
    for (const auto& [made_for, entry] : body.entries)
      if (made_for == grouping) return entry;
    if (!body.refusal.empty()) return base::Error{body.refusal};
    auto made = make(body, grouping);
    if (!made) return base::Error{body.refusal = made.error()};
    body.entries.emplace_back(grouping, made.value());
    return made;
  }

  base::Status check(size_t kernel, Grouping grouping) const override {
    const auto& functions = bodies_.at(kernel)->functions;
    Placement placement = unplaced();
    place_shared(functions, placement);
    Emitted made = TRY(emitted(functions, placement, grouping));
    std::string text;
    llvm::raw_string_ostream stream(text);
    if (llvm::verifyModule(*made.module, &stream)) return base::Error{"not well-formed: " + text};
    return base::Done{};
  }

 private:
  struct Body {
    std::mutex mutex;
    std::vector<size_t> functions;  // the kernel itself and what it calls
    std::vector<std::pair<Grouping, Entry>> entries;
    std::string refusal;
  };

  base::Status place_variables(const Allocate& allocate) {
    uint64_t size = 0;
    std::vector<uint64_t> offsets;
    for (const ptx::Variable& variable : module_.variables) {
      bool here = variable.space == Space::global || variable.space == Space::constant;
      if (here && variable.is_extern)
        return base::Error{"variable " + variable.name + " is not defined in this module"};
      if (here) size = aligned(size, std::max(variable.alignment, 16u));
      offsets.push_back(size);
      if (here) size += variable.size;
    }
    variables_at_ = size ? allocate(size, variables_alignment) : 0;
    if (size && !variables_at_) return base::Error{"no device memory for the module's variables"};
    offsets_ = std::move(offsets);
    for (size_t i = 0; i < offsets_.size(); ++i) TRY(initialise(module_.variables[i], variables_at_ + offsets_[i]));
    return base::Done{};
  }

  base::Status initialise(const ptx::Variable& variable, uint64_t address) {
    if (variable.space != Space::global && variable.space != Space::constant) return base::Done{};
    auto* bytes = reinterpret_cast<uint8_t*>(address);
    std::memset(bytes, 0, variable.size);
    std::memcpy(bytes, variable.initial.data(), std::min<uint64_t>(variable.initial.size(), variable.size));
    for (const auto& relocation : variable.relocations) {
      uint64_t value =
          relocation.function ? function_address(relocation.index) : variables_at_ + offsets_[relocation.index];
      value += static_cast<uint64_t>(relocation.addend);
      if (relocation.offset + relocation.size <= variable.size)
        std::memcpy(bytes + relocation.offset, &value, std::min<size_t>(relocation.size, 8));
    }
    variables_.push_back(
        {variable.name, address, variable.size, variable.managed, variable.opaque, variable.properties});
    return base::Done{};
  }

  // The functions whose address a variable holds or an instruction other than a call takes.
  void find_pointed_at() {
    std::vector<bool> seen(module_.functions.size(), false);
    for (const ptx::Variable& variable : module_.variables)
      for (const auto& relocation : variable.relocations)
        if (relocation.function) seen[relocation.index] = true;
    auto visit = [&](const ptx::Operand& operand) {
      if (operand.kind == ptx::Operand::function) seen[operand.index] = true;
    };
    for (const ptx::Function& function : module_.functions)
      for (const ptx::Instruction& instruction : function.body)
        if (instruction.opcode != ptx::Opcode::call) each_operand(instruction.operands, visit);
    for (uint32_t i = 0; i < seen.size(); ++i)
      if (seen[i] && module_.functions[i].defined && !module_.functions[i].is_entry) pointed_at_.push_back(i);
  }

  base::Status check_calls() const {
    for (const ptx::Function& function : module_.functions)
      for (const ptx::Instruction& instruction : function.body) {
        if (instruction.opcode != ptx::Opcode::call || instruction.operands.at(0).kind != ptx::Operand::function)
          continue;
        const ptx::Function& callee = module_.functions[instruction.operands[0].index];
        if (!callee.defined && !is_system_call(callee.name))
          return base::Error{(function.is_entry ? "kernel " : "function ") + function.name + ", line " +
                             std::to_string(instruction.line) + ": no function " + callee.name};
      }
    return base::Done{};
  }

  // The kernel itself and every function it may call, callers first.
  std::vector<size_t> reachable(size_t kernel) const {
    std::vector<size_t> found{kernel};
    std::vector<bool> seen(module_.functions.size(), false);
    seen[kernel] = true;
    auto reach = [&](uint32_t index) {
      if (seen[index] || !module_.functions[index].defined) return;
      seen[index] = true;
      found.push_back(index);
    };
    for (size_t i = 0; i < found.size(); ++i)
      for (const ptx::Instruction& instruction : module_.functions[found[i]].body) {
        if (instruction.opcode != ptx::Opcode::call) continue;
        const ptx::Operand& callee = instruction.operands.at(0);
        if (callee.kind == ptx::Operand::function)
          reach(callee.index);
        else
          for (uint32_t index : pointed_at_) reach(index);
      }
    return found;
  }

  // Swizzling goes by the bits of an address in shared memory, up to the 1024 bytes after which patterns repeat.
  bool swizzles(const std::vector<size_t>& functions) const {
    for (size_t index : functions)
      for (const ptx::Instruction& instruction : module_.functions[index].body)
        if (instruction.modifiers.has("tensor") || instruction.opcode == ptx::Opcode::wgmma) return true;
    return false;
  }

  // Gives the shared variables that this kernel can see their offsets; returns how many bytes they take.
  uint32_t place_shared(const std::vector<size_t>& functions, Placement& placement) const {
    std::vector<bool> used(module_.variables.size(), false);
    for (size_t index : functions)
      each_operand(module_.functions[index], [&](const ptx::Operand& operand) {
        bool symbol = operand.kind == ptx::Operand::symbol ||
                      (operand.kind == ptx::Operand::address && operand.base_kind == ptx::Operand::symbol);
        if (symbol && !operand.local) used[operand.index] = true;
      });
    uint64_t end = 0;
    auto place = [&](bool dynamic) {
      for (size_t i = 0; i < module_.variables.size(); ++i) {
        const ptx::Variable& variable = module_.variables[i];
        if (variable.space != Space::shared || !used[i] || (variable.size == 0) != dynamic) continue;
        if (!dynamic) end = aligned(end, std::max(variable.alignment, 1u));
        placement.address[i] = end;
        if (!dynamic) end += variable.size;
      }
    };
    place(false);
    for (size_t index : functions) {
      placement.function_shared[index] = static_cast<uint32_t>(end);
      end = shared_end(module_.functions[index], static_cast<uint32_t>(end));
    }
    uint64_t alignment = 16;  // dynamic shared memory begins behind all others
    for (size_t i = 0; i < module_.variables.size(); ++i)
      if (module_.variables[i].space == Space::shared && used[i])
        alignment = std::max<uint64_t>(alignment, module_.variables[i].alignment);
    end = aligned(end, alignment);
    place(true);
    return static_cast<uint32_t>(end);
  }

  Placement unplaced() const {
    std::vector<uint32_t> none(module_.functions.size(), 0), texts;
    for (const ptx::Function& function : module_.functions) texts.push_back(text_of(function));
    return {offsets_, std::move(none), pointed_at_, std::move(texts)};
  }

  uint32_t text_of(const ptx::Function& function) const {
    for (uint32_t i = 0; i < texts_->size(); ++i) {
      const std::string& text = (*texts_)[i];
      if (function.text.data() >= text.data() && function.text.data() < text.data() + text.size()) return i;
    }
    return 0;
  }

  void load_kernel(size_t index) {
    const ptx::Function& function = module_.functions[index];
    auto functions = reachable(index);
    Placement placement = unplaced();
    Kernel kernel;
    kernel.name = function.name;
    kernel.static_shared = place_shared(functions, placement);
    kernel.parameter_offsets = function.parameter_offsets;
    for (const ptx::Variable& parameter : function.parameters)
      kernel.parameter_sizes.push_back(static_cast<uint32_t>(parameter.size));
    kernel.parameter_bytes = function.parameter_bytes;
    std::memcpy(kernel.required_block, function.reqntid, sizeof kernel.required_block);
    std::memcpy(kernel.cluster, function.reqnctapercluster, sizeof kernel.cluster);
    kernel.explicit_cluster = function.explicit_cluster;
    if (swizzles(functions)) kernel.shared_alignment = 1024;
    if (module_.target.starts_with("sm_"))
      kernel.ptx_target = static_cast<uint32_t>(std::atoi(module_.target.c_str() + 3));
    uint64_t limit = function.maxntid[0];
    for (unsigned axis = 1; axis < 3; ++axis) limit *= std::max(function.maxntid[axis], 1u);
    kernel.max_threads = static_cast<uint32_t>(limit);
    bodies_.push_back(std::make_unique<Body>());
    bodies_.back()->functions = std::move(functions);
    kernels_.push_back(std::move(kernel));
  }

  // From disk, or compiled now.
  base::Result<Entry> make(const Body& body, Grouping grouping) const {
    auto start = std::chrono::steady_clock::now();
    Placement placement = unplaced();
    place_shared(body.functions, placement);
    KernelCache& cache = KernelCache::users();
    std::string key = cache.on() ? kernel_key(module_, body.functions, placement, grouping) : "";
    std::optional<MachineCode> code;
    if (auto kept = key.empty() ? std::nullopt : cache.read(key)) code = MachineCode::unpack(*kept);
    bool from_disk = code.has_value();
    if (!code) code = TRY(translate(body.functions, placement, grouping));
    if (!from_disk && !key.empty()) cache.write(key, code->pack());
    const ptx::Function& kernel = module_.functions[body.functions[0]];
    void* entry = TRY(load_machine_code(*code, variables_at_, {texts_, kernel.line}));
    if (base::logs(base::Level::debug)) {
      std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
      base::log(base::Level::debug, from_disk ? "kernel loaded from disk" : "kernel compiled",
                {{"kernel", kernel.name},
                 {"milliseconds", std::to_string(taken.count())},
                 {"instructions", std::to_string(kernel.body.size())},
                 {"bytes", std::to_string(code->text_bytes)},
                 {"key", key}});
    }
    return Entry{reinterpret_cast<KernelEntry>(entry), code->local_bytes, code->stack_bytes};
  }

  struct Emitted {
    std::unique_ptr<llvm::LLVMContext> context = std::make_unique<llvm::LLVMContext>();
    std::unique_ptr<llvm::Module> module = std::make_unique<llvm::Module>("kernel", *context);
    uint64_t local = 0;
  };

  base::Result<Emitted> emitted(const std::vector<size_t>& functions, const Placement& placement,
                                Grouping grouping) const {
    Emitted made;
    auto* address = llvm::Type::getInt64Ty(*made.context);
    auto* cell = new llvm::GlobalVariable(*made.module, address, false, llvm::GlobalValue::ExternalLinkage,
                                          llvm::ConstantInt::get(address, 0), variables_symbol);
    cell->setDSOLocal(true);
    declare(*made.module, functions);
    bool stack = std::any_of(functions.begin(), functions.end(),
                             [&](size_t index) { return uses_stack(module_.functions[index]); });
    made.local = (functions.size() > 1 ? recursion_room : 0) + (stack ? stack_room : 0);
    for (size_t index : functions) {
      const ptx::Function& function = module_.functions[index];
      try {
        Emitter emitter(*made.module, module_, function, placement, grouping);
        emitter.emit();
        made.local += emitter.frame_bytes();
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

  base::Result<MachineCode> translate(const std::vector<size_t>& functions, const Placement& placement,
                                      Grouping grouping) const {
    Emitted made = TRY(emitted(functions, placement, grouping));
    for (llvm::Function& function : *made.module) {
      function.addFnAttr("prefer-vector-width", "512");
      function.addFnAttr("min-legal-vector-width", "512");
      function.addFnAttr("probe-stack", "inline-asm");  // a frame larger than the guard page must not step over it
    }
    const ptx::Function& kernel = module_.functions[functions[0]];
    made.module->getFunction("ptx." + kernel.name)->setName(kernel_symbol);
    MachineCode code = TRY(make_machine_code(*made.module, kernel.line));
    code.local_bytes = static_cast<uint32_t>(made.local);
    return code;
  }

  // With what a debugger would need to know to name lines: so that a fault can be told where it is.
  void declare(llvm::Module& made, const std::vector<size_t>& functions) const {
    made.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
    llvm::DIBuilder debug(made);
    auto* file = debug.createFile("ptx", "");
    debug.createCompileUnit(llvm::dwarf::DW_LANG_C, file, "outboard", true, "", 0, "",
                            llvm::DICompileUnit::LineTablesOnly);
    auto* type = debug.createSubroutineType(debug.getOrCreateTypeArray({}));
    for (size_t index : functions) {
      const ptx::Function& function = module_.functions[index];
      auto* scope = debug.createFunction(file, function.name, "", file, function.line, type, function.line,
                                         llvm::DINode::FlagZero, llvm::DISubprogram::SPFlagDefinition);
      Emitter::declare(made, function)->setSubprogram(scope);
    }
    debug.finalize();
  }

  std::shared_ptr<const std::vector<std::string>> texts_;
  ptx::Module module_;
  uint64_t variables_at_ = 0;      // device memory
  std::vector<uint64_t> offsets_;  // of variables, from there
  std::vector<uint32_t> pointed_at_;
  std::vector<Kernel> kernels_;
  std::vector<Variable> variables_;
  std::vector<std::unique_ptr<Body>> bodies_;
};

}  // namespace

Grouping grouping_of(uint32_t block_x, uint32_t block_y, uint32_t block_z) {
  bool whole = block_x * block_y * block_z % warp_size == 0;
  if (block_x % warp_size == 0 || (block_y == 1 && block_z == 1)) return {32, true, whole};
  if (block_x == 16 || block_x == 8) return {block_x, true, whole};
  return {32, false, whole};
}

base::Result<std::unique_ptr<Program>> compile(std::span<const std::string> ptx_texts, const Allocate& allocate) {
  auto program = std::make_unique<CompiledProgram>();
  auto loaded = program->load(ptx_texts, allocate);
  if (!loaded) return base::Error{loaded.error()};
  return std::unique_ptr<Program>(std::move(program));
}

}  // namespace software
