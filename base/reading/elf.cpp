// ELF files.
#include "base/reading/elf.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "base/reading/text.h"

namespace base::reading {

namespace {

template <class T>
std::optional<T> at(std::string_view bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string_view slice(std::string_view bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return {};
  return bytes.substr(offset, size);
}

// A text that ends with NUL.
std::string text_at(std::string_view bytes, uint64_t offset) {
  if (offset >= bytes.size()) return "";
  std::string_view rest = bytes.substr(offset);
  size_t end = rest.find('\0');
  return end == std::string_view::npos || end > 4096 ? "" : std::string(rest.substr(0, end));
}

std::string machine_name(uint16_t machine, int bits) {
  struct Name {
    uint16_t machine;
    const char* name;
  };
  static constexpr std::array<Name, 8> names = {{{EM_X86_64, "x86_64"},
                                                 {EM_386, "i386"},
                                                 {EM_AARCH64, "aarch64"},
                                                 {EM_ARM, "arm"},
                                                 {EM_PPC64, "ppc64le"},
                                                 {EM_S390, "s390x"},
                                                 {EM_RISCV, "riscv"},
                                                 {EM_MIPS, "mips"}}};
  for (const Name& each : names)
    if (each.machine == machine) return each.name + std::string(machine == EM_RISCV ? std::to_string(bits) : "");
  return "machine-" + std::to_string(machine);
}

struct Types64 {
  using Header = Elf64_Ehdr;
  using Segment = Elf64_Phdr;
  using Section = Elf64_Shdr;
  using Dynamic = Elf64_Dyn;
};
struct Types32 {
  using Header = Elf32_Ehdr;
  using Segment = Elf32_Phdr;
  using Section = Elf32_Shdr;
  using Dynamic = Elf32_Dyn;
};

constexpr size_t most_headers = 512;

template <class Types>
class File {
 public:
  File(std::string_view bytes, uint64_t size) : bytes_(bytes), size_(size) {}

  Elf read() {
    Elf elf;
    elf.bits = std::is_same_v<Types, Types64> ? 64 : 32;
    auto header = at<typename Types::Header>(bytes_, 0);
    elf.truncated = !header;
    if (!header) {
      elf.machine = "unknown";
      return elf;
    }
    elf.machine = machine_name(header->e_machine, elf.bits);
    for (size_t index = 0; index < std::min<size_t>(header->e_phnum, most_headers); ++index) {
      auto segment = at<typename Types::Segment>(bytes_, header->e_phoff + index * header->e_phentsize);
      if (!segment || segment->p_offset > size_ || segment->p_filesz > size_ - segment->p_offset) {
        elf.truncated = true;
        if (!segment) break;
        continue;
      }
      segments_.push_back(*segment);
    }
    for (const auto& segment : segments_) {
      if (segment.p_type == PT_INTERP) elf.interpreter = text_at(bytes_, segment.p_offset);
      if (segment.p_type == PT_DYNAMIC) read_dynamic(slice(bytes_, segment.p_offset, segment.p_filesz), elf);
    }
    elf.executable = !elf.interpreter.empty() || header->e_type == ET_EXEC;
    return elf;
  }

  std::string_view section(std::string_view name) {
    auto header = at<typename Types::Header>(bytes_, 0);
    if (!header || header->e_shstrndx == SHN_UNDEF) return {};
    auto section_at = [&](size_t index) {
      return at<typename Types::Section>(bytes_, header->e_shoff + index * header->e_shentsize);
    };
    auto names = section_at(header->e_shstrndx);
    if (!names) return {};
    std::string_view texts = slice(bytes_, names->sh_offset, names->sh_size);
    for (size_t index = 0; index < header->e_shnum; ++index) {
      auto each = section_at(index);
      if (each && each->sh_type != SHT_NOBITS && text_at(texts, each->sh_name) == name)
        return slice(bytes_, each->sh_offset, each->sh_size);
    }
    return {};
  }

 private:
  uint64_t offset_of(uint64_t address) const {
    for (const auto& segment : segments_)
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
        return address - segment.p_vaddr + segment.p_offset;
    return UINT64_MAX;
  }

  void read_dynamic(std::string_view table, Elf& elf) {
    uint64_t strings = UINT64_MAX;
    std::vector<typename Types::Dynamic> entries;
    for (uint64_t offset = 0; offset < table.size() && entries.size() < 4096;
         offset += sizeof(typename Types::Dynamic)) {
      auto entry = at<typename Types::Dynamic>(table, offset);
      if (!entry || entry->d_tag == DT_NULL) break;
      if (entry->d_tag == DT_STRTAB) strings = offset_of(entry->d_un.d_ptr);
      entries.push_back(*entry);
    }
    if (strings >= bytes_.size()) return;
    for (const auto& entry : entries) {
      if (entry.d_un.d_val >= bytes_.size()) continue;
      std::string text = text_at(bytes_, strings + entry.d_un.d_val);
      if (entry.d_tag == DT_NEEDED) elf.needed.push_back(text);
      if (entry.d_tag == DT_SONAME) elf.soname = text;
      if (entry.d_tag == DT_RPATH) elf.rpath = split(text, ':');
      if (entry.d_tag == DT_RUNPATH) elf.runpath = split(text, ':');
    }
  }

  std::string_view bytes_;
  uint64_t size_;
  std::vector<typename Types::Segment> segments_;
};

bool is_elf(std::string_view bytes) {
  return bytes.size() > EI_DATA && bytes.starts_with(ELFMAG) &&
         (bytes[EI_CLASS] == ELFCLASS64 || bytes[EI_CLASS] == ELFCLASS32) && bytes[EI_DATA] == ELFDATA2LSB;
}

}  // namespace

std::optional<Elf> read_elf(std::string_view bytes, uint64_t whole_size) {
  if (!is_elf(bytes)) return std::nullopt;
  if (bytes[EI_CLASS] == ELFCLASS64) return File<Types64>(bytes, whole_size).read();
  return File<Types32>(bytes, whole_size).read();
}

std::string_view elf_section(std::string_view bytes, std::string_view name) {
  if (!is_elf(bytes)) return {};
  if (bytes[EI_CLASS] == ELFCLASS64) return File<Types64>(bytes, bytes.size()).section(name);
  return File<Types32>(bytes, bytes.size()).section(name);
}

std::string c_library(const Elf& elf) {
  auto is_musl = [](const std::string& name) { return name.starts_with("libc.musl-") || contains(name, "ld-musl-"); };
  if (is_musl(elf.interpreter) || is_musl(elf.soname)) return "musl";
  for (const std::string& name : elf.needed) {
    if (is_musl(name) || name == "libc.so") return "musl";
    if (name == "libc.so.6" || name.starts_with("ld-linux")) return "glibc";
  }
  // Libraries without a C library among their needs still come from a glibc build.
  return elf.executable && elf.interpreter.empty() ? "static" : "glibc";
}

std::string describe(const Elf& elf) {
  return (elf.truncated ? "truncated ELF" : "ELF") + std::to_string(elf.bits) + " " + elf.machine + " " +
         c_library(elf);
}

}  // namespace base::reading
