// outboard vgpu create, list, show, delete: named shares of a GPU, with a quota of memory and of time.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_vgpu(CLI::App& app, Commands& commands);

}  // namespace cli
