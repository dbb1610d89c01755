// Which compute capability a device should claim towards this program, where a device can choose.
#pragma once
#include <link.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace client {

// OUTBOARD_CC if it is set. Otherwise "13.0" for programs that have loaded one of NVIDIA's mathematical libraries:
// above every generation they bring machine code for, they fall back to PTX, the only form that a software GPU can run.
// Otherwise empty: the device's own choice, which runtime compilers (NVRTC) know.
inline std::string wanted_capability() {
  const char* setting = std::getenv("OUTBOARD_CC");
  if (setting && *setting) return setting;
  bool found = false;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        for (const char* name : {"libcublas", "libcudnn", "libcurand", "libcusolver", "libcusparse"})
          if (std::strstr(info->dlpi_name, name)) *static_cast<bool*>(data) = true;
        return 0;
      },
      &found);
  return found ? "13.0" : "";
}

}  // namespace client
