// outboard token create, list, revoke: who may come in from elsewhere.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_token(CLI::App& app, Commands& commands);

}  // namespace cli
