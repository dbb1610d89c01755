// Modules are the driver's; here is counted what their variables and code take of the GPU.
#include <elf.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "device/nvidia/budget.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/vendor.h"
#include "device/software/ptx/parser.h"
#include "image/fatbin.h"
#include "image/wrapper.h"

namespace nvidia {
namespace {

using image::begins_with;
using Bytes = std::span<const std::byte>;

// What is loaded of machine code: its sections with addresses, code and variables (ELF-64 object file format).
uint64_t bytes_of_elf(Bytes elf) {
  Elf64_Ehdr head;
  if (elf.size() < sizeof head) return 0;
  std::memcpy(&head, elf.data(), sizeof head);
  uint64_t bytes = 0;
  for (unsigned i = 0; i < head.e_shnum; ++i) {
    Elf64_Shdr section;
    const uint64_t at = head.e_shoff + uint64_t{i} * sizeof section;
    if (head.e_shentsize != sizeof section || at > elf.size() || elf.size() - at < sizeof section) break;
    std::memcpy(&section, elf.data() + at, sizeof section);
    if (section.sh_flags & SHF_ALLOC && __builtin_add_overflow(bytes, section.sh_size, &bytes)) return UINT64_MAX;
  }
  return bytes;
}

// Of PTX only the variables are known before the driver has compiled it. What our parser does not understand yet may
// still run.
uint64_t bytes_of_ptx(std::string_view text) {
  ptx::Module module;
  ptx::Error error;
  uint64_t bytes = 0;
  if (!ptx::parse(text, module, error)) return text.size();
  for (const ptx::Variable& variable : module.variables)
    if (!variable.is_extern && variable.space == ptx::Space::global &&
        __builtin_add_overflow(bytes, variable.size, &bytes))
      return UINT64_MAX;
  return bytes;
}

// The driver takes one entry of several; the largest is assumed.
uint64_t bytes_of_fatbin(const void* fatbin) {
  auto entries = image::parse_fatbin({static_cast<const std::byte*>(fatbin), image::fatbin_extent(fatbin)});
  uint64_t most = 0;
  if (!entries) return most;
  for (const image::Entry& entry : entries.value()) {
    auto unpacked = image::unpack(entry);
    if (!unpacked) continue;
    const auto* text = reinterpret_cast<const char*>(unpacked.value().data());
    if (entry.kind == image::Kind::cubin) most = std::max(most, bytes_of_elf(unpacked.value()));
    if (entry.kind == image::Kind::ptx)
      most = std::max(most, bytes_of_ptx({text, strnlen(text, unpacked.value().size())}));
  }
  return most;
}

uint64_t bytes_of(const void* image) {
  if (begins_with(image, image::wrapper_magic)) {
    image::Wrapper wrapper;
    uint64_t bytes = 0;
    std::memcpy(&wrapper, image, sizeof wrapper);
    if (wrapper.version != image::link_version) return bytes_of_fatbin(wrapper.data);
    for (auto* part = wrapper.parts; part && *part; ++part) bytes += bytes_of_fatbin(*part);
    return bytes;
  }
  if (begins_with(image, image::container_magic)) return bytes_of_fatbin(image);
  if (!begins_with(image, image::elf_magic)) return bytes_of_ptx(static_cast<const char*>(image));
  return bytes_of_elf({static_cast<const std::byte*>(image), image::elf_extent(image)});
}

}  // namespace

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions, CUjit_option* options,
                            void** optionValues) {
  if (!module || !image) return CUDA_ERROR_INVALID_VALUE;
  // Without a limit nobody asks, and large libraries would be unpacked for nothing.
  return charged(module, budget().limit() ? bytes_of(image) : 0,
                 [&] { return vendor().cuModuleLoadDataEx(module, image, numOptions, options, optionValues); });
}

CUresult cuModuleUnload(CUmodule hmod) {
  CUresult result = vendor().cuModuleUnload(hmod);
  if (result == CUDA_SUCCESS) charges().settle(hmod);
  return result;
}

}  // namespace nvidia
