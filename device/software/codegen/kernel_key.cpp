// A function's text says everything about it but where its names lead: those are told one by one, in their order.
#include "device/software/codegen/kernel_key.h"

#include <elf.h>
#include <link.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/BLAKE3.h>

#include <cstring>

#include "device/software/codegen/processor.h"

namespace software {
namespace {

struct Build {
  uint64_t inside;  // an address in our own code
  std::string id;
};

// The note that the linker writes (System V ABI, "Note Section"; ld's --build-id).
void read_notes(const uint8_t* at, size_t size, std::string& id) {
  auto padded = [](size_t bytes) { return (bytes + 3) & ~size_t{3}; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) head;
    std::memcpy(&head, at, sizeof head);
    size_t whole = sizeof head + padded(head.n_namesz) + padded(head.n_descsz);
    if (whole > size) return;
    if (head.n_type == NT_GNU_BUILD_ID)
      id.assign(reinterpret_cast<const char*>(at) + sizeof head + padded(head.n_namesz), head.n_descsz);
    at += whole;
    size -= whole;
  }
}

int visit(dl_phdr_info* info, size_t, void* argument) {
  auto& build = *static_cast<Build*>(argument);
  bool ours = false;
  auto start = [&](const ElfW(Phdr) & part) { return info->dlpi_addr + part.p_vaddr; };
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    ours |= part.p_type == PT_LOAD && build.inside - start(part) < part.p_memsz;
  }
  for (int i = 0; ours && i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    if (part.p_type == PT_NOTE) read_notes(reinterpret_cast<const uint8_t*>(start(part)), part.p_memsz, build.id);
  }
  return ours;
}

const std::string& build_id() {
  static const std::string id = [] {
    Build build{reinterpret_cast<uint64_t>(&build_id), {}};
    dl_iterate_phdr(visit, &build);
    return build.id;
  }();
  return id;
}

class Hashing {
 public:
  void add(std::string_view text) {
    add(text.size());
    hash_.update(llvm::StringRef(text.data(), text.size()));
  }
  void add(uint64_t number) { hash_.update(llvm::ArrayRef(reinterpret_cast<const uint8_t*>(&number), sizeof number)); }
  std::string finish() {
    auto digest = hash_.final<16>();
    return llvm::toHex(llvm::ArrayRef(digest.data(), digest.size()), true);
  }

 private:
  llvm::BLAKE3 hash_;
};

class Key {
 public:
  Key(const ptx::Module& module, const Placement& placement) : module_(module), placement_(placement) {}

  void add_function(size_t index, uint32_t first_line) {
    const ptx::Function& function = module_.functions[index];
    hash.add(function.name);
    hash.add(function.text);
    hash.add(function.line - first_line);
    hash.add(function_address(index));
    hash.add(placement_.function_shared[index]);
    hash.add(placement_.text[index]);
    for (const ptx::Instruction& instruction : function.body)
      for (const auto* operands : {&instruction.operands, &instruction.results, &instruction.arguments})
        for (const ptx::Operand& operand : *operands) add_operand(operand);
  }

  Hashing hash;

  void add_variable(uint32_t index) {
    const ptx::Variable& variable = module_.variables[index];
    hash.add(variable.name);
    hash.add(static_cast<uint64_t>(variable.space));
    hash.add(static_cast<uint64_t>(variable.type));
    hash.add(variable.alignment);
    hash.add(variable.size);
    hash.add(placement_.address[index]);
  }

 private:
  void add_operand(const ptx::Operand& operand) {
    bool symbol = operand.kind == ptx::Operand::symbol ||
                  (operand.kind == ptx::Operand::address && operand.base_kind == ptx::Operand::symbol);
    if (symbol && !operand.local) add_variable(operand.index);
    if (operand.kind == ptx::Operand::function) {
      hash.add(module_.functions[operand.index].name);
      hash.add(function_address(operand.index));
    }
    for (const ptx::Operand& element : operand.elements) add_operand(element);
  }

  const ptx::Module& module_;
  const Placement& placement_;
};

}  // namespace

std::string handlers_key(std::span<const std::string> forms) {
  if (build_id().empty()) return {};
  Hashing hash;
  hash.add(build_id());
  hash.add(processor_identity());
  hash.add("handlers");
  for (const std::string& form : forms) hash.add(form);
  return hash.finish();
}

std::string kernel_key(const ptx::Module& module, std::span<const size_t> functions, const Placement& placement,
                       Grouping grouping) {
  if (build_id().empty()) return {};
  Key key(module, placement);
  key.hash.add(build_id());
  key.hash.add(processor_identity());
  key.hash.add(module.target);
  key.hash.add(static_cast<uint64_t>(module.version_major * 1000 + module.version_minor));
  key.hash.add(static_cast<uint64_t>(module.address_size));
  auto [columns, threads, whole, lanes, checked] = grouping;  // whoever adds a member must add it here
  key.hash.add(columns);
  key.hash.add(threads);
  key.hash.add(whole);
  key.hash.add(lanes);
  key.hash.add(checked);
  for (uint32_t i = 0; i < module.variables.size(); ++i)  // isspacep looks at all of them
    if (module.variables[i].space == ptx::Space::constant) key.add_variable(i);
  for (uint32_t index : placement.pointed_at) key.hash.add(function_address(index));
  for (size_t index : functions) key.add_function(index, module.functions[functions[0]].line);
  return key.hash.finish();
}

}  // namespace software
