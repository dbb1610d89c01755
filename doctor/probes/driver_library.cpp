// Driver libraries in a probe's child.
#include "doctor/probes/driver_library.h"

#include <sys/utsname.h>

#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

DriverLibrary::DriverLibrary(const Place& place, const std::string& name) : root_(place.root) {
  std::string file = name;
  if (!place.real()) {
    utsname names = {};
    uname(&names);
    Resolved resolved = Loader(place).resolve(name, {sizeof(void*) * 8, names.machine, false, {}, {}});
    error_ = resolved.why;
    if (resolved.path.empty()) return;
    file = below(place, resolved.path);
  }
  handle_ = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!handle_) error_ = dlerror();
}

std::string DriverLibrary::path_of(const char* function) const {
  Dl_info info = {};
  void* address = handle_ ? dlsym(handle_, function) : nullptr;
  if (!address || !dladdr(address, &info) || !info.dli_fname) return "";
  std::string path = info.dli_fname;
  if (root_ != "/" && path.starts_with(root_)) path.erase(0, root_.size());
  Place place;
  place.root = root_;
  return in_true_folder(place, path);
}

}  // namespace outboard::doctor::probes
