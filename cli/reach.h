// outboard reach: the helper that starts a server for a program (link/helper.h). Not for people.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_reach(CLI::App& app, Commands& commands);

}  // namespace cli
