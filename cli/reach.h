// outboard reach: the helper that starts a server for a program (link/helper.h), which is not for people; and the
// options of other commands that steer it.
#pragma once
#include <string>

#include "base/result.h"
#include "cli/commands.h"

namespace cli {

// --bootstrap and, where the command has none of its own, --yes.
void add_bootstrap(CLI::App& command);
// Before any target is asked: the target to use. With --bootstrap a way that starts a server by a command leads to the
// copy afterwards (reach/bootstrap/via.h); others that start one copy it when they find none. An error: there is nobody
// who could.
base::Result<std::string> note_bootstrap(const CLI::App& command, const std::string& target);

void add_reach(CLI::App& app, Commands& commands);

}  // namespace cli
