// outboard top: sessions in the terminal, anew every second.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_top(CLI::App& app, Commands& commands);

}  // namespace cli
