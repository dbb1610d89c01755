// outboard ps: who uses this user's servers, and how much.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_sessions(CLI::App& app, Commands& commands);

}  // namespace cli
