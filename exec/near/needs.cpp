#include "exec/near/needs.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <span>

#include "base/reading/elf.h"
#include "base/reading/files.h"
#include "base/reading/loader.h"
#include "image/embedded.h"

namespace exec {
namespace {

namespace reading = base::reading;

constexpr size_t most_parts = 1024;

constexpr std::array c_libraries = {"ld-linux",   "linux-vdso", "libc.so.",     "libm.so.",   "libpthread.so.",
                                    "libdl.so.",  "librt.so.",  "libutil.so.",  "libresolv.", "libnsl.so.1",
                                    "libanl.so.", "libmvec.so", "libnss_files", "libnss_dns", "libthread_db.",
                                    "libc.musl-", "ld-musl-"};
constexpr std::array driver_libraries = {"libcuda.so",       "libnvidia-",     "libnvcuvid.so",   "libnvoptix.",
                                         "libGLX_nvidia.so", "libEGL_nvidia.", "libcudadebugger."};

bool starts_as_one(const std::string& name, std::span<const char* const> starts) {
  return std::ranges::any_of(starts, [&](const char* start) { return name.starts_with(start); });
}

// Which versions of whose symbols a file wants: .gnu.version_r (LSB Core, "Symbol Version Requirements"); 32 and 64
// bits have the same form.
std::map<std::string, std::set<std::string>> wanted_versions(std::string_view bytes) {
  std::map<std::string, std::set<std::string>> wanted;
  const std::string_view section = reading::elf_section(bytes, ".gnu.version_r");
  const std::string_view names = reading::elf_section(bytes, ".dynstr");
  auto name_at = [&](uint32_t at) {
    return at < names.size() ? std::string(names.substr(at, names.find('\0', at) - at)) : std::string();
  };
  for (size_t at = 0, files = 0; at + sizeof(Elf64_Verneed) <= section.size() && files < most_parts; ++files) {
    Elf64_Verneed file{};
    std::memcpy(&file, section.data() + at, sizeof file);
    size_t next = at + file.vn_aux;
    for (size_t i = 0; i < file.vn_cnt && next + sizeof(Elf64_Vernaux) <= section.size(); ++i) {
      Elf64_Vernaux version{};
      std::memcpy(&version, section.data() + next, sizeof version);
      if (!(version.vna_flags & VER_FLG_WEAK)) wanted[name_at(file.vn_file)].insert(name_at(version.vna_name));
      if (!version.vna_next) break;
      next += version.vna_next;
    }
    if (!file.vn_next) break;
    at += file.vn_next;
  }
  return wanted;
}

class Walk {
 public:
  explicit Walk(Needs& needs) : needs_(needs) {}

  void walk(const std::string& path) {
    needs_.parts.push_back({"", path, {}, {}, {}});
    read(0, {});
    for (auto& [name, versions] : wanted_)
      for (Part& part : needs_.parts)
        if (part.name == name) part.versions = versions;
  }

 private:
  void read(size_t index, const std::vector<std::string>& inherited) {
    const std::string path = needs_.parts[index].path;
    reading::Mapped mapped(place_, path);
    auto elf = reading::read_elf(mapped.bytes(), mapped.bytes().size());
    if (!elf) return;
    if (index == 0) {
      needs_.machine = elf->machine;
      needs_.interpreter = elf->interpreter;
      cuda_ |= !reading::elf_section(mapped.bytes(), ".nv_fatbin").empty();
    }
    needs_.parts[index].needs = elf->needed;
    needs_.parts[index].glibc = note_versions(wanted_versions(mapped.bytes()));
    reading::Asker asker = reading::Loader::asker(*elf, reading::canonical(place_, path, true));
    if (asker.runpath.empty()) asker.rpath.insert(asker.rpath.end(), inherited.begin(), inherited.end());
    for (const std::string& name : elf->needed) add(name, asker);
  }

  void add(const std::string& name, const reading::Asker& asker) {
    cuda_ |= name.starts_with("libcudart.so");
    if (is_c_library(name) || is_driver(name) || needs_.find(name) || needs_.parts.size() >= most_parts) return;
    needs_.parts.push_back({name, loader_.resolve(name, asker).path, {}, {}, {}});
    if (!needs_.parts.back().path.empty()) read(needs_.parts.size() - 1, asker.rpath);
  }

  // The newest of the C library's.
  std::string note_versions(const std::map<std::string, std::set<std::string>>& wanted) {
    std::string newest;
    for (const auto& [name, versions] : wanted) {
      wanted_[name].insert(versions.begin(), versions.end());
      for (const std::string& version : versions)
        if (version.starts_with("GLIBC_2.") && version_less(newest, version.substr(6))) newest = version.substr(6);
    }
    return newest;
  }

 public:
  bool uses_cuda() const { return cuda_; }

 private:
  Needs& needs_;
  bool cuda_ = false;
  std::map<std::string, std::set<std::string>> wanted_;
  const reading::Place place_ = reading::Place::here();
  const reading::Loader loader_{place_};
};

// Of the shared runtime by the name of its file, of a static one by the PTX beside it.
int cuda_of(const Needs& needs) {
  const reading::Place place = reading::Place::here();
  for (const std::string& name : needs.parts[0].needs)
    if (const Part* part = needs.find(name); part && name.starts_with("libcudart.so."))
      return image::release_of_library(part->path.empty() ? name : reading::canonical(place, part->path, true));
  const reading::Mapped program(place, needs.parts[0].path);
  if (!image::holds_runtime(program.bytes())) return 0;
  return image::release_of_isa(image::embedded_code(program.bytes()).newest_isa);
}

}  // namespace

const Part* Needs::find(const std::string& name) const {
  auto found = std::ranges::find(parts, name, &Part::name);
  return found == parts.end() ? nullptr : &*found;
}

bool is_c_library(const std::string& name) { return starts_as_one(name, c_libraries); }
bool is_driver(const std::string& name) { return starts_as_one(name, driver_libraries); }

bool version_less(const std::string& left, const std::string& right) {
  const char *a = left.c_str(), *b = right.c_str();
  while (*a || *b) {
    char *after_a = nullptr, *after_b = nullptr;
    unsigned long x = std::strtoul(a, &after_a, 10), y = std::strtoul(b, &after_b, 10);
    if (x != y) return x < y;
    a = *after_a ? after_a + 1 : after_a;
    b = *after_b ? after_b + 1 : after_b;
  }
  return false;
}

Needs inspect(const std::string& path) {
  Needs needs;
  Walk walk(needs);
  walk.walk(path);
  if (walk.uses_cuda()) needs.cuda = cuda_of(needs);
  return needs;
}

}  // namespace exec
