// outboard reach: the helper that starts a server for a program (link/helper.h), which is not for people; and the
// options of other commands that steer it.
#pragma once
#include "cli/commands.h"

namespace cli {

// --bootstrap and, where the command has none of its own, --yes.
void add_bootstrap(CLI::App& command);
// Before any target is asked.
void note_bootstrap(const CLI::App& command);

void add_reach(CLI::App& app, Commands& commands);

}  // namespace cli
