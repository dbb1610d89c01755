#include "image/embedded.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/reading/elf.h"
#include "base/reading/text.h"
#include "image/fatbin.h"

namespace image {
namespace {

// What the runtime alone says.
constexpr std::string_view static_runtime = "CUDA driver version is insufficient for CUDA runtime version";

// The CUDA release whose compiler writes a version of PTX (PTX ISA, section "Release Notes").
struct Release {
  int isa, cuda;  // 90 is 9.0; 13000 is 13.0
};
constexpr std::array releases = {Release{63, 10000}, Release{64, 10010}, Release{65, 10020}, Release{70, 11000},
                                 Release{71, 11010}, Release{72, 11020}, Release{73, 11030}, Release{74, 11040},
                                 Release{75, 11050}, Release{76, 11060}, Release{77, 11070}, Release{78, 11080},
                                 Release{80, 12000}, Release{81, 12010}, Release{82, 12020}, Release{83, 12030},
                                 Release{84, 12040}, Release{85, 12050}, Release{86, 12070}, Release{87, 12080},
                                 Release{88, 12090}, Release{90, 13000}, Release{91, 13010}};

void add(const Entry& entry, Embedded& code) {
  std::string name = std::to_string(entry.architecture) + (entry.exact ? "a" : entry.family ? "f" : "");
  if (entry.kind == Kind::cubin) code.machine.insert(name);
  if (entry.kind != Kind::ptx) return;
  code.ptx.insert(name);
  code.newest_isa = std::max(code.newest_isa, entry.version_major * 10 + entry.version_minor);
}

// The fat binaries of a section: they stand one after the other (CUDA Binary Utilities, "fatbin").
Embedded code_of(std::string_view section) {
  constexpr std::string_view magic = "\x50\xED\x55\xBA";
  constexpr size_t header = 16;
  Embedded code;
  for (size_t at = section.find(magic); at != std::string_view::npos && section.size() - at >= header;) {
    uint64_t size = 0;
    std::memcpy(&size, section.data() + at + 8, sizeof size);
    if (size > section.size() - at - header) break;
    std::string_view one = section.substr(at, header + size);
    auto entries = parse_fatbin(std::as_bytes(std::span(one.data(), one.size())));
    if (entries)
      for (const Entry& entry : entries.value()) add(entry, code);
    at = section.find(magic, at + header + size);
  }
  return code;
}

}  // namespace

Embedded embedded_code(std::string_view program) {
  Embedded code = code_of(base::reading::elf_section(program, ".nv_fatbin"));
  Embedded linked = code_of(base::reading::elf_section(program, "__nv_relfatbin"));
  code.machine.merge(linked.machine);
  code.ptx.merge(linked.ptx);
  code.newest_isa = std::max(code.newest_isa, linked.newest_isa);
  return code;
}

bool holds_runtime(std::string_view program) {
  return base::reading::contains(base::reading::elf_section(program, ".rodata"), static_runtime);
}

int release_of_isa(int isa) {
  auto found = std::ranges::find(releases, isa, &Release::isa);
  return found == releases.end() ? 0 : found->cuda;
}

int release_of_library(std::string_view file) {
  const size_t at = file.rfind(".so.");
  if (at == file.npos) return 0;
  const std::vector<std::string> parts = base::reading::split(file.substr(at + 4), '.');
  for (const std::string& part : parts)
    if (part.size() > 3 || part.find_first_not_of("0123456789") != part.npos) return 0;
  if (parts.empty()) return 0;
  return std::stoi(parts[0]) * 1000 + (parts.size() > 1 ? std::stoi(parts[1]) * 10 : 0);
}

}  // namespace image
