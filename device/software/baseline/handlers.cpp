#include "device/software/baseline/handlers.h"

#include <llvm/IR/Module.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "device/software/codegen/background.h"
#include "device/software/codegen/kernel_cache.h"
#include "device/software/codegen/kernel_key.h"
#include "device/software/codegen/loader.h"
#include "device/software/codegen/machine_code.h"
#include "device/software/codegen/processor.h"

// What baseline/make_handlers.cpp made: for x86-64 with AVX2 (psABI, "Micro-Architecture Levels": v3), or for any
// processor of another family. Absent from programs that are linked without them.
extern "C" {
#define LEVEL(name)                                                                       \
  extern const software::BuiltInHandler outboard_handlers_##name[] __attribute__((weak)); \
  extern const uint64_t outboard_handlers_##name##_count __attribute__((weak));
LEVEL(x86_64_v3)
LEVEL(generic)
#undef LEVEL
}

namespace software {
namespace {

std::span<const BuiltInHandler> built_in() {
#define LEVEL(name) \
  if (&outboard_handlers_##name##_count) return std::span(outboard_handlers_##name, outboard_handlers_##name##_count)
  if (has_instructions("avx2") && has_instructions("fma")) LEVEL(x86_64_v3);
  LEVEL(generic);
#undef LEVEL
  return {};
}

const Handlers* find_built_in(const std::string& key) {
  static const std::span<const BuiltInHandler> all = built_in();
  auto found =
      std::ranges::lower_bound(all, key, {}, [](const BuiltInHandler& one) { return std::string_view(one.key); });
  return found != all.end() && found->key == key ? &found->handlers : nullptr;
}

std::string name_of(const char* which, size_t i) { return std::string(which) + "." + std::to_string(i); }

// A kernel of one instruction, as the emitter wants it.
ptx::Function function_of(const Form& form, size_t number) {
  ptx::Function function;
  function.name = std::to_string(number);
  function.is_entry = function.defined = true;
  function.registers = form.registers;
  ptx::Variable parameters;
  parameters.name = "parameters";
  parameters.space = ptx::Space::param;
  function.variables = function.parameters = {parameters};
  function.parameter_variables = {0};
  function.parameter_offsets = {0};
  function.body = {form.instruction};
  return function;
}

llvm::Function* declare(llvm::Module& module, const std::string& name) {
  auto& context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::get(context, 0), *nothing = llvm::Type::getVoidTy(context);
  auto* type = llvm::FunctionType::get(nothing, {pointer, llvm::Type::getInt32Ty(context), pointer, pointer}, false);
  auto* made = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module);
  make_kernel_code(*made);
  return made;
}

// All forms that no handler exists for yet, as one object.
base::Result<std::vector<Handlers>> make(std::span<const Form* const> forms) {
  std::vector<std::string> keys, names;
  for (size_t i = 0; i < forms.size(); ++i) {
    keys.push_back(forms[i]->key);
    names.push_back(name_of("all", i));
    names.push_back(name_of("some", i));
  }
  KernelCache& cache = KernelCache::users();
  std::string key = cache.on() ? handlers_key(keys) : "";
  std::optional<std::string> object;
  if (!key.empty()) object = cache.read(key);
  if (!object) {
    std::shared_lock compiling(compiler_in_use());
    llvm::LLVMContext context;
    llvm::Module module("handlers", context);
    TRY(emit_handlers(module, forms));
    object = TRY(make_object(module));
    if (!key.empty()) cache.write(key, *object);
  }
  auto places = TRY(load_functions(*object, names));
  std::vector<Handlers> made;
  for (size_t i = 0; i < forms.size(); ++i)
    made.push_back({reinterpret_cast<Handler>(places[2 * i]), reinterpret_cast<Handler>(places[2 * i + 1])});
  return made;
}

}  // namespace

base::Status emit_handlers(llvm::Module& module, std::span<const Form* const> forms) {
  ptx::Module source;
  for (size_t i = 0; i < forms.size(); ++i) source.functions.push_back(function_of(*forms[i], i));
  std::vector<uint32_t> none(forms.size(), 0);
  const Placement placement{{}, none, {}, none};
  for (size_t i = 0; i < forms.size(); ++i)
    for (bool all : {true, false}) {
      llvm::Function* made = declare(module, "ptx." + std::to_string(i));
      try {
        Emitter(module, source, i, source.functions[i], placement).emit_handler(all);
      } catch (const Unsupported& refusal) {
        return base::Error{forms[i]->key + ": " + refusal.text};
      }
      made->setName(name_of(all ? "all" : "some", i));
    }
  return base::Done{};
}

base::Result<std::vector<Handlers>> find_handlers(std::span<const Form* const> forms) {
  static std::mutex lock;
  static auto* made = new std::unordered_map<std::string, Handlers>;  // code is never unloaded
  std::lock_guard hold(lock);
  std::vector<Handlers> found(forms.size());
  std::map<std::string, const Form*> missing;  // ordered, so that equal sets have equal names on disk
  for (size_t i = 0; i < forms.size(); ++i) {
    auto known = made->find(forms[i]->key);
    if (known != made->end())
      found[i] = known->second;
    else if (const Handlers* here = find_built_in(forms[i]->key))
      found[i] = *here;
    else
      missing.emplace(forms[i]->key, forms[i]);
  }
  if (missing.empty()) return found;
  std::vector<const Form*> list;
  for (auto& [key, form] : missing) list.push_back(form);
  auto fresh = TRY(make(list));
  for (size_t i = 0; i < list.size(); ++i) (*made)[list[i]->key] = fresh[i];
  for (size_t i = 0; i < forms.size(); ++i)
    if (!found[i].all) found[i] = (*made)[forms[i]->key];
  return found;
}

}  // namespace software
