// What an ELF file says of itself: class, machine, names it needs. Reads untrusted bytes; never looks outside them.
// System V ABI, chapters 4 and 5.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base::reading {

struct Elf {
  int bits = 64;            // 32 or 64
  std::string machine;      // as uname -m says it; "machine-N" for others
  bool executable = false;  // a program (it names an interpreter), not a library
  bool truncated = false;   // its own headers speak of bytes that are not there
  std::string interpreter, soname;
  std::vector<std::string> needed;
  std::vector<std::string> rpath, runpath;  // folders, $ORIGIN as it is
};

// Nothing: these bytes are no ELF file. `whole_size` is the file's, of which `bytes` may be the beginning.
std::optional<Elf> read_elf(std::string_view bytes, uint64_t whole_size);

// The bytes of a section; empty: there is none, or it lies outside.
std::string_view elf_section(std::string_view bytes, std::string_view name);

// "glibc", "musl", or "static" for what needs no C library.
std::string c_library(const Elf& elf);
// "ELF64 x86_64 glibc", with "truncated " before it where that is so.
std::string describe(const Elf& elf);

}  // namespace base::reading
