// outboard join, leave: keeps what a join line says, so that --on NAME finds the server.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_join(CLI::App& app, Commands& commands);

}  // namespace cli
