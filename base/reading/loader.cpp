// The search of the dynamic loader.
#include "base/reading/loader.h"

#include <algorithm>
#include <set>

#include "base/reading/files.h"
#include "base/reading/text.h"

namespace base::reading {

namespace {

constexpr size_t largest_cache = 16 << 20;

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string replace_origin(std::string folder, const std::string& origin) {
  for (std::string_view token : {"${ORIGIN}", "$ORIGIN"})
    for (size_t at = folder.find(token); at != std::string::npos; at = folder.find(token))
      folder.replace(at, token.size(), origin);
  return folder;
}

void append(std::vector<std::string>& paths, const std::vector<std::string>& folders, const std::string& name) {
  for (const std::string& folder : folders) paths.push_back((folder.empty() ? "." : folder) + "/" + name);
}

}  // namespace

Loader::Loader(const Place& place) : place_(place) {
  Reading reading = read(place, "/etc/ld.so.cache", largest_cache);
  if (reading.state == State::unreadable) cache_problem_ = reading.why;
  cache_ = read_ld_cache(reading.text);
  if (reading.state == State::there && cache_.empty()) cache_problem_ = "it has no form that is known";
}

std::vector<std::string> Loader::library_path() const {
  std::string text = place_.variable("LD_LIBRARY_PATH");
  std::replace(text.begin(), text.end(), ';', ':');  // both separate (ld.so(8))
  return split(text, ':');
}

std::vector<std::string> Loader::system_folders(int bits, const std::string& machine) {
  std::string multiarch = machine == "i386"  ? "i386-linux-gnu"
                          : machine == "arm" ? "arm-linux-gnueabihf"
                                             : machine + "-linux-gnu";
  std::vector<std::string> folders = {"/lib/" + multiarch, "/usr/lib/" + multiarch};
  if (bits == 64) folders.insert(folders.end(), {"/lib64", "/usr/lib64"});
  folders.insert(folders.end(), {"/lib", "/usr/lib"});
  if (bits == 32) folders.insert(folders.end(), {"/lib32", "/usr/lib32"});
  return folders;
}

std::vector<std::string> Loader::folders_of_musl(const std::string& machine) const {
  Reading reading = read(place_, "/etc/ld-musl-" + machine + ".path", 65536);
  if (reading.state != State::there) return {"/lib", "/usr/local/lib", "/usr/lib"};
  std::replace(reading.text.begin(), reading.text.end(), '\n', ':');
  return split(reading.text, ':');
}

std::vector<std::string> Loader::candidates(const std::string& name, const Asker& asker) const {
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> paths;
  if (asker.musl) {  // musl looks at RPATH and RUNPATH alike, after LD_LIBRARY_PATH
    append(paths, library_path(), name);
    append(paths, asker.rpath, name);
    append(paths, asker.runpath, name);
    append(paths, folders_of_musl(asker.machine), name);
    return paths;
  }
  if (asker.runpath.empty()) append(paths, asker.rpath, name);
  append(paths, library_path(), name);
  append(paths, asker.runpath, name);
  for (const CacheEntry& entry : cache_)
    if (entry.name == name) paths.push_back(entry.path);
  append(paths, system_folders(asker.bits, asker.machine), name);
  return paths;
}

Resolved Loader::resolve(const std::string& name, const Asker& asker) const {
  Resolved resolved;
  resolved.why = "no folder of the search holds " + name;
  bool stopped = false;
  std::set<std::string> seen;
  for (const std::string& path : candidates(name, asker)) {
    if (!seen.insert(path).second) continue;
    Mapped file(place_, path);
    if (file.state() == State::absent) continue;
    resolved.candidates.push_back(path);
    if (stopped || !resolved.path.empty()) continue;
    std::optional<Elf> elf = read_elf(file.bytes(), file.bytes().size());
    if (file.state() == State::unreadable) {
      resolved.why = path + ": " + file.why();
    } else if (!elf || elf->truncated) {
      resolved.why = path + (file.bytes().empty() ? " is empty" : elf ? " is truncated" : " is no ELF file");
      stopped = true;
    } else if (elf->bits != asker.bits || elf->machine != asker.machine) {
      resolved.why = path + " is for " + std::to_string(elf->bits) + "-bit " + elf->machine;
    } else {
      resolved.path = path;
      resolved.why.clear();
    }
  }
  return resolved;
}

Asker Loader::asker(const Elf& elf, const std::string& path) {
  Asker asker = {elf.bits, elf.machine, c_library(elf) == "musl", {}, {}};
  for (const std::string& folder : elf.rpath) asker.rpath.push_back(replace_origin(folder, folder_of(path)));
  for (const std::string& folder : elf.runpath) asker.runpath.push_back(replace_origin(folder, folder_of(path)));
  return asker;
}

std::string Loader::first_missing(const std::string& path, size_t most) const {
  std::vector<std::string> names = missing(path, most);
  return names.empty() ? "" : names.front();
}

std::vector<std::string> Loader::missing(const std::string& path, size_t most) const {
  struct Work {
    std::string path;
    std::vector<std::string> inherited;  // RPATHs of those that led here hold for what they need
  };
  std::vector<Work> work = {{path, {}}};
  std::set<std::string> loaded = {path};
  std::vector<std::string> names;
  while (!work.empty() && loaded.size() < most) {
    Work next = std::move(work.back());
    work.pop_back();
    Mapped file(place_, next.path);
    std::optional<Elf> elf = read_elf(file.bytes(), file.bytes().size());
    if (!elf) continue;
    Asker self = asker(*elf, canonical(place_, next.path, true));
    if (self.runpath.empty()) self.rpath.insert(self.rpath.end(), next.inherited.begin(), next.inherited.end());
    for (const std::string& name : elf->needed) {
      if (name.starts_with("ld-linux") || name.starts_with("linux-vdso")) continue;
      Resolved resolved = resolve(name, self);
      if (resolved.path.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      if (!resolved.path.empty() && loaded.insert(resolved.path).second) work.push_back({resolved.path, self.rpath});
    }
  }
  return names;
}

}  // namespace base::reading
