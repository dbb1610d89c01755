// The display of a session: one that is there, or a virtual X server of our own.
#pragma once
#include <string>

#include "base/result.h"
#include "desktop/keeper/options.h"

namespace desktop {

struct Display {
  std::string number;       // ":12"
  std::string description;  // for status
  std::string authority;    // a file with the cookie that lets in; empty: as the environment says
  pid_t server = 0;         // 0: not ours
  bool resizable = false;
};

// `folder` is the session's own.
base::Result<Display> make_display(const ServeOptions& options, const std::string& folder);

}  // namespace desktop
