#include "server/devices.h"

#include <dlfcn.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

namespace server {
namespace {

struct Kind {
  std::string_view name;
  const char* library;
  const char* absent;  // said when there is no such file
};
constexpr Kind kinds[] = {
    {"cpu", "libsoftware_device.so", "this build has no software GPU (it was configured with -DSOFTWARE_GPU=OFF)"},
    {"software", "libsoftware_device.so", "this build has no software GPU (it was configured with -DSOFTWARE_GPU=OFF)"},
    {"nvidia", "libnvidia_device.so", "the installation is incomplete"},
    {"null", "libnull_device.so", "the installation is incomplete"}};

const Kind* find(const std::string& name) {
  auto found = std::ranges::find(kinds, name, &Kind::name);
  return found == std::end(kinds) ? nullptr : &*found;
}

std::filesystem::path library_of(const Kind& kind) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "lib" / "outboard" /
         kind.library;
}

// In a child, because a driver that has been started cannot be taken along by fork, and because it may hang.
bool has_nvidia_gpu() {
  constexpr int patience_ms = 20000;
  int ends[2];
  if (pipe(ends) < 0) return false;
  pid_t child = fork();
  if (child == 0) {
    auto library = load_device("nvidia");
    auto count = library ? reinterpret_cast<int (*)()>(dlsym(library.value(), "outboard_device_count")) : nullptr;
    char found = count && count() > 0 ? 1 : 0;
    _exit(write(ends[1], &found, 1) == 1 ? 0 : 1);
  }
  close(ends[1]);
  pollfd answer{ends[0], POLLIN, 0};
  char found = 0;
  bool has = child > 0 && poll(&answer, 1, patience_ms) > 0 && read(ends[0], &found, 1) == 1 && found;
  close(ends[0]);
  if (child > 0) kill(child, SIGKILL), waitpid(child, nullptr, 0);
  return has;
}

}  // namespace

const char* const device_names =
    "cpu: the software GPU (also: software); nvidia: this machine's GPUs through NVIDIA's driver; auto: nvidia where "
    "there is one, else cpu; null: no GPU at all, for measuring links";

base::Result<std::string> choose_device(const std::string& name) {
  if (name == "auto") return std::string(has_nvidia_gpu() ? "nvidia" : "cpu");
  if (!find(name)) return base::Error{"there is no device '" + name + "'; --device takes cpu, nvidia, auto or null"};
  return name;
}

base::Result<void*> load_device(const std::string& name) {
  const Kind* kind = find(name);
  if (!kind) return base::Error{"there is no device '" + name + "'"};
  const std::filesystem::path path = library_of(*kind);
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return base::Error{"device '" + name + "' cannot be served: " + path.string() + " is missing; " + kind->absent};
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return base::Error{"device '" + name + "' cannot be loaded: " + dlerror()};
  // What it loads itself must be loaded now as well.
  auto prepare = reinterpret_cast<const char* (*)()>(dlsym(library, "outboard_prepare"));
  const char* reason = prepare ? prepare() : nullptr;
  if (reason) return base::Error{"device '" + name + "' cannot be served: " + reason};
  return library;
}

}  // namespace server
