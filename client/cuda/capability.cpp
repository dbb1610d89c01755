// A software GPU runs PTX of every generation, so what it claims to be only steers who asks. Programs and run-time
// compilers know the device's own capability. NVIDIA's mathematical libraries hold machine code alone for most devices
// that exist, and fall back to PTX above the newest of them. A program may well contain both, and Python loads the
// libraries late: so the answer depends on who asks.
#include "client/cuda/capability.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "image/fatbin.h"

namespace client {
namespace {

constexpr Capability above_all{13, 0};  // no library has machine code for it

constexpr std::string_view libraries[] = {"libcublas",   "libcudnn", "libcufft",    "libcurand",  "libcusolver",
                                          "libcusparse", "libnccl",  "libcutensor", "libnvshmem", "libnvjpeg"};

bool is_library(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  return std::any_of(std::begin(libraries), std::end(libraries), [&](auto one) { return name.starts_with(one); });
}

// What one container needs: the oldest PTX it can be run from, where that is newer than machine code we could claim.
uint32_t needed_by(std::span<const image::Entry> entries) {
  uint32_t oldest = 0;
  bool exact = false;
  for (const image::Entry& entry : entries) {
    if (entry.kind != image::Kind::ptx || (oldest && entry.architecture >= oldest)) continue;
    oldest = entry.architecture;
    exact = entry.exact || entry.family;
  }
  return oldest <= 90 || exact ? oldest : above_all.number();
}

// A file, read through the page cache.
class MappedFile {
 public:
  explicit MappedFile(const char* path) {
    base::Fd file(open(path, O_RDONLY | O_CLOEXEC));
    off_t size = file.valid() ? lseek(file.get(), 0, SEEK_END) : 0;
    if (size <= 0) return;
    void* at = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (at != MAP_FAILED) bytes_ = {static_cast<const std::byte*>(at), static_cast<size_t>(size)};
  }
  MappedFile(const MappedFile&) = delete;
  ~MappedFile() {
    if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  // False: the file ends before.
  template <class T>
  bool read(uint64_t offset, T& value) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof value) return false;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return true;
  }
  std::span<const std::byte> part(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) return {};
    return bytes_.subspan(offset, size);
  }

 private:
  std::span<const std::byte> bytes_;
};

// The section into which nvcc puts a file's fat binaries, one after the other (ELF-64 object file format).
std::span<const std::byte> fatbin_section(const MappedFile& file) {
  Elf64_Ehdr head;
  Elf64_Shdr names, section;
  if (!file.read(0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_ident[EI_CLASS] != ELFCLASS64 ||
      head.e_shentsize != sizeof section || !file.read(head.e_shoff + head.e_shstrndx * sizeof names, names))
    return {};
  constexpr char wanted[] = ".nv_fatbin";
  for (unsigned i = 0; i < head.e_shnum; ++i) {
    char name[sizeof wanted];
    if (file.read(head.e_shoff + i * sizeof section, section) && file.read(names.sh_offset + section.sh_name, name) &&
        std::memcmp(name, wanted, sizeof wanted) == 0)
      return file.part(section.sh_offset, section.sh_size);
  }
  return {};
}

uint32_t needs_of(const std::string& path) {
  static std::mutex lock;
  static auto* known = new std::map<std::string, uint32_t>;
  std::lock_guard hold(lock);
  auto [found, fresh] = known->try_emplace(path, 0);
  if (fresh) found->second = capability_needed_by(path.empty() ? "/proc/self/exe" : path.c_str());
  return found->second;
}

// The highest need of whatever is loaded, besides the libraries: they ask for themselves.
uint32_t needs_of_process() {
  uint32_t needs = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto& most = *static_cast<uint32_t*>(data);
        if (!is_library(info->dlpi_name)) most = std::max(most, needs_of(info->dlpi_name));
        return 0;
      },
      &needs);
  return needs;
}

}  // namespace

uint32_t capability_needed_by(const char* path) {
  MappedFile file(path);
  std::span<const std::byte> rest = fatbin_section(file);
  uint32_t needs = 0;
  while (needs < above_all.number() && rest.size() > 16) {
    size_t extent = image::fatbin_extent(rest.data());
    if (extent == 0) {
      rest = rest.subspan(8);  // padding
      continue;
    }
    if (auto entries = image::parse_fatbin(rest)) needs = std::max(needs, needed_by(entries.value()));
    rest = rest.subspan(std::min((extent + 7) & ~size_t{7}, rest.size()));
  }
  return needs;
}

Capability capability_towards(const void* address, const api::DeviceFacts& facts) {
  Capability own{facts.attributes[CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR],
                 facts.attributes[CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR]};
  if (!facts.attributes[api::attribute_runs_every_ptx]) return own;
  Dl_info info;
  uint32_t needs = 0;
  if (dladdr(address, &info) && info.dli_fname) {
    if (is_library(info.dli_fname)) return above_all;
    needs = needs_of(info.dli_fname);
  }
  // Who has no device code of its own asks for others: the shared runtime, an interpreter.
  if (needs == 0) needs = needs_of_process();
  if (needs <= own.number()) return own;
  return {static_cast<int>(needs / 10), static_cast<int>(needs % 10)};
}

}  // namespace client
