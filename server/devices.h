// The kinds of device that a server can have. Each is a library beside the program, which its workers load: so a server
// without the software GPU needs no LLVM, and one without an NVIDIA GPU no driver.
#pragma once
#include <string>

#include "base/result.h"

namespace server {

// What --device takes: "cpu", "nvidia", ... and "auto".
extern const char* const device_names;

// The name by which workers load it: "auto" becomes this machine's NVIDIA GPU where its driver finds one, else the
// software GPU. Never the null device, which is no GPU.
base::Result<std::string> choose_device(const std::string& name);

// The device's library, loaded but not started: a listener does this once, so that its workers start faster. An error
// is a sentence that says what is missing.
base::Result<void*> load_device(const std::string& name);

}  // namespace server
