#include "desktop/keeper/desktops.h"

#include "desktop/keeper/child.h"

namespace desktop {

base::Result<std::string> find_desktop() {
  std::string looked;
  for (const char* each : {"x-session-manager", "startxfce4", "startlxqt", "mate-session", "startplasma-x11",
                           "openbox-session", "x-window-manager", "x-terminal-emulator", "xterm"}) {
    if (is_installed(each)) return std::string(each);
    looked += (looked.empty() ? "" : ", ") + std::string(each);
  }
  return base::Error{"no desktop environment is installed (looked for " + looked +
                     "); name a program: --program COMMAND"};
}

}  // namespace desktop
