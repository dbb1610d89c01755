// outboard-desktop: what `outboard desktop serve` runs. A program of its own, so that `outboard` links neither FreeRDP
// nor X.
#include <cstring>

#include "desktop/keeper/keeper.h"
#include "desktop/keeper/render.h"

int main(int argc, char** argv) {
  if (argc == 2 && !std::strcmp(argv[1], "--probe-render")) return desktop::probe_render();
  return desktop::keep_session(desktop::parse_options(argc, argv));
}
