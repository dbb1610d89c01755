#include "exec/far/host.h"

#include <gnu/libc-version.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <nlohmann/json.hpp>

#include "base/reading/files.h"
#include "base/reading/loader.h"

namespace exec {
namespace {

namespace reading = base::reading;

constexpr uint64_t software_gpu = 13000;  // the CUDA version that Outboard's driver speaks

bool has_gpu() { return access("/dev/nvidiactl", F_OK) == 0 || access("/dev/dxg", F_OK) == 0; }

// The loader's own folder of libraries of a vendor's driver tells its version: libcuda.so.550.54.14. That is no CUDA
// version, so a driver that can be asked is; 0: it cannot.
uint64_t driver_version() {
  if (!has_gpu()) return software_gpu;
  return 0;
}

// A version of a library's symbols stands in it by its name (LSB Core, "Symbol Version Definitions").
bool defines(std::string_view bytes, const std::vector<std::string>& versions) {
  return std::ranges::all_of(versions, [&](const std::string& version) {
    return bytes.find(std::string_view(version.c_str(), version.size() + 1)) != bytes.npos;
  });
}

bool has_library(const reading::Place& place, const reading::Loader& loader, const reading::Asker& asker,
                 const Json& library, const Confinement& confinement) {
  const std::string path = loader.resolve(text_in(library, "name"), asker).path;
  if (path.empty() || !confinement.covers(path)) return false;
  reading::Mapped file(place, path);
  return defines(file.bytes(), texts_in(library, "versions"));
}

// In the folders that a job's PATH has, of those that a job may enter.
std::string find_command(const std::string& name, const Confinement& confinement) {
  auto runs = [&](const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0 &&
           confinement.covers(path);
  };
  if (name.find('/') != name.npos) return name.starts_with('/') && runs(name) ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (folder.starts_with('/') && runs(folder + "/" + name)) return folder + "/" + name;
  return "";
}

}  // namespace

Json facts_of_host(const Place& place) {
  utsname names{};
  uname(&names);
  struct statvfs disk {};
  statvfs(place.folder.c_str(), &disk);
  return {{"host", names.nodename},
          {"machine", names.machine},
          {"glibc", gnu_get_libc_version()},
          {"cuda", driver_version()},
          {"gpu", has_gpu() ? "this machine's GPU" : "the software GPU"},
          {"free", static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize},
          {"build", "outboard " OUTBOARD_VERSION}};
}

Json what_is_here(const Json& asked, const Confinement& confinement) {
  Json answer = {{"libraries", Json::array()}, {"commands", Json::object()}};
  const std::string interpreter = text_in(asked, "interpreter");
  answer["interpreter"] = interpreter.empty() || access(interpreter.c_str(), R_OK) == 0;
  if (auto libraries = asked.find("libraries");
      libraries != asked.end() && libraries->is_array() && !libraries->empty()) {
    const reading::Place place{"/", "", {}, 0};
    const reading::Loader loader(place);
    const reading::Asker asker{
        static_cast<int>(number_in(asked, "bits", 64)), text_in(asked, "machine"), false, {}, {}};
    for (const Json& library : *libraries)
      if (library.is_object() && has_library(place, loader, asker, library, confinement))
        answer["libraries"].push_back(text_in(library, "name"));
  }
  for (const std::string& name : texts_in(asked, "commands"))
    if (const std::string path = find_command(name, confinement); !path.empty()) answer["commands"][name] = path;
  return answer;
}

}  // namespace exec
