// What `outboard desktop serve` is asked for.
#pragma once
#include <string>
#include <vector>

#include "desktop/picture.h"

namespace desktop {

struct ServeOptions {
  std::string program;  // empty: a desktop
  Size size{1280, 720};
  std::string display;          // attach to this one; empty: start a virtual one
  std::string server = "auto";  // Xvnc or Xvfb
  int port = 0;                 // 0: any free one
  std::string encoder = "auto";
  std::vector<std::string> codecs;
  int frames_per_second = 60;
  int quality = 23;
  bool json = false, until_end_of_input = false, one_time = false;
  bool no_port = false, no_web = false, no_sound = false, no_clipboard = false, no_sandbox = false;
};

// Exits with a message where the command line is not understood.
ServeOptions parse_options(int argc, char** argv);

}  // namespace desktop
