// outboard desktop: a desktop or one program's window, drawn by this machine's GPU, for RDP clients and browsers.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_desktop(CLI::App& app, Commands& commands);

// Its subcommands, one file each.
void add_desktop_serve(CLI::App& desktop, Commands& commands);
void add_desktop_open(CLI::App& desktop, Commands& commands);
void add_desktop_sessions(CLI::App& desktop, Commands& commands);  // list, status, stop

}  // namespace cli
