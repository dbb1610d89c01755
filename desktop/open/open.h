// `outboard desktop open`: a session elsewhere, a port here, a viewer between them; and the end of all three together.
#pragma once
#include <string>

#include "base/result.h"

namespace desktop {

struct OpenOptions {
  std::string target;         // where the session runs; "local": this machine
  std::string program, size;  // may be empty
  std::string client = "auto";
};

// Until the viewer, the session or the person at the terminal ends it.
base::Status open(const OpenOptions& options);

}  // namespace desktop
