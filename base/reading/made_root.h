// For tests: a tree of files that stands for a machine, and ELF files made by hand.
#pragma once
#include <elf.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/reading/place.h"

namespace base::reading {

class MadeRoot {
 public:
  MadeRoot() {
    std::string pattern = (std::filesystem::temp_directory_path() / "outboard-root.XXXXXX").string();
    place.root = mkdtemp(pattern.data());
    place.path = place.root + "/bin";
    std::filesystem::create_directories(place.path);
  }
  ~MadeRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(place.root, ignored);
  }

  std::string real(const std::string& path) const { return place.root + path; }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(real(path)).parent_path());
    std::ofstream(real(path), std::ios::binary) << text;
  }
  void link(const std::string& path, const std::string& target) const {
    std::filesystem::create_directories(std::filesystem::path(real(path)).parent_path());
    std::filesystem::create_symlink(target, real(path));
  }
  void command(const std::string& path, const std::string& script) const {
    write(path, "#!/bin/sh\n" + script + "\n");
    chmod(real(path).c_str(), 0755);
  }

  Place place;
};

// A small ELF file of either class, made by hand: one segment with everything, a dynamic section, one section by name.
struct MadeElf {
  std::vector<std::string> needed;
  std::string soname, runpath, rpath, interpreter;
  std::string section, content;
  uint16_t machine = EM_X86_64;

  template <class Header, class Segment, class Section, class Dynamic>
  std::string make(int elf_class) const {
    std::string strings(1, '\0');
    auto add = [&](const std::string& text) {
      size_t at = strings.size();
      strings += text + '\0';
      return at;
    };
    std::vector<Dynamic> dynamic;
    auto entry = [&](long tag, uint64_t value) {
      Dynamic one = {};
      one.d_tag = static_cast<decltype(one.d_tag)>(tag);
      one.d_un.d_val = static_cast<decltype(one.d_un.d_val)>(value);
      dynamic.push_back(one);
    };
    for (const std::string& name : needed) entry(DT_NEEDED, add(name));
    if (!soname.empty()) entry(DT_SONAME, add(soname));
    if (!runpath.empty()) entry(DT_RUNPATH, add(runpath));
    if (!rpath.empty()) entry(DT_RPATH, add(rpath));
    size_t segments = interpreter.empty() ? 2 : 3;
    size_t strings_at = sizeof(Header) + segments * sizeof(Segment);
    std::string section_names = std::string(1, '\0') + ".names" + '\0' + section + '\0';
    size_t interpreter_at = strings_at + strings.size();
    size_t dynamic_at = interpreter_at + interpreter.size() + 1;
    entry(DT_STRTAB, strings_at);
    entry(DT_NULL, 0);
    size_t dynamic_size = dynamic.size() * sizeof(Dynamic);
    size_t content_at = dynamic_at + dynamic_size, names_at = content_at + content.size();
    size_t sections_at = names_at + section_names.size(), size = sections_at + 3 * sizeof(Section);

    std::string file(size, '\0');
    Header header = {};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = static_cast<unsigned char>(elf_class);
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
    header.e_machine = machine;
    header.e_phoff = sizeof(Header);
    header.e_phentsize = sizeof(Segment);
    header.e_phnum = static_cast<uint16_t>(segments);
    header.e_shoff = static_cast<decltype(header.e_shoff)>(sections_at);
    header.e_shentsize = sizeof(Section);
    header.e_shnum = 3;
    header.e_shstrndx = 1;
    std::memcpy(file.data(), &header, sizeof header);
    auto segment = [&](size_t index, uint32_t type, size_t offset, size_t bytes) {
      Segment one = {};
      one.p_type = type;
      one.p_offset = one.p_vaddr = static_cast<decltype(one.p_offset)>(offset);
      one.p_filesz = one.p_memsz = static_cast<decltype(one.p_filesz)>(bytes);
      std::memcpy(file.data() + sizeof(Header) + index * sizeof(Segment), &one, sizeof one);
    };
    segment(0, PT_LOAD, 0, size);
    segment(1, PT_DYNAMIC, dynamic_at, dynamic_size);
    if (!interpreter.empty()) segment(2, PT_INTERP, interpreter_at, interpreter.size() + 1);
    std::memcpy(file.data() + strings_at, strings.data(), strings.size());
    std::memcpy(file.data() + interpreter_at, interpreter.data(), interpreter.size());
    std::memcpy(file.data() + dynamic_at, dynamic.data(), dynamic_size);
    std::memcpy(file.data() + content_at, content.data(), content.size());
    std::memcpy(file.data() + names_at, section_names.data(), section_names.size());
    auto put = [&](size_t index, uint32_t name, size_t offset, size_t bytes) {
      Section one = {};
      one.sh_name = name;
      one.sh_type = SHT_PROGBITS;
      one.sh_offset = static_cast<decltype(one.sh_offset)>(offset);
      one.sh_size = static_cast<decltype(one.sh_size)>(bytes);
      std::memcpy(file.data() + sections_at + index * sizeof(Section), &one, sizeof one);
    };
    put(1, 1, names_at, section_names.size());
    put(2, 8, content_at, content.size());
    return file;
  }
  std::string elf64() const { return make<Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr, Elf64_Dyn>(ELFCLASS64); }
  std::string elf32() const { return make<Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr, Elf32_Dyn>(ELFCLASS32); }
};

// A library of this machine.
inline MadeElf own_library(std::vector<std::string> needed = {"libc.so.6"}) {
  MadeElf elf;
  elf.needed = std::move(needed);
#if defined(__aarch64__)
  elf.machine = EM_AARCH64;
#endif
  return elf;
}

inline std::string own_machine() {
  utsname names = {};
  uname(&names);
  return names.machine;
}

}  // namespace base::reading
