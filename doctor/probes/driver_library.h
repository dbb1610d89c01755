// A driver library, loaded in a probe's child. Never in the doctor itself.
#pragma once
#include <dlfcn.h>

#include <string>

#include "doctor/probes/reading.h"
#include "doctor/probes/sink.h"

namespace outboard::doctor::probes {

class DriverLibrary {
 public:
  // By name, as a program does; below another root, by the path that the loader would find.
  DriverLibrary(const Place& place, const std::string& name);

  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& error() const { return error_; }

  // Null: the library has no such function.
  template <class Function>
  Function* function(const char* name) const {
    return reinterpret_cast<Function*>(handle_ ? dlsym(handle_, name) : nullptr);
  }
  // Where the library lies that has this function, its folder by its true name.
  std::string path_of(const char* function) const;

 private:
  void* handle_ = nullptr;  // never closed: the child ends soon, and drivers do not like to be unloaded
  std::string error_;
  std::string root_;
};

}  // namespace outboard::doctor::probes
