// What draws the session's OpenGL: each way is proved by drawing a triangle with it.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "desktop/keeper/display.h"

namespace desktop {

struct RenderPath {
  std::string description;                         // "NVIDIA L4 (VirtualGL, egl0)", "llvmpipe (…), software: …"
  std::vector<std::string> prefix;                 // before the program's command
  std::map<std::string, std::string> environment;  // of the program
};

RenderPath choose_render_path(const Display& display);

// The child that draws: prints GL_RENDERER, or why not. For the hidden command --probe-render.
int probe_render();

}  // namespace desktop
