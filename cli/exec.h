// outboard exec: ships a program to a host with a GPU, runs it there, brings its results back.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_exec(CLI::App& app, Commands& commands);

// Hidden: what a server starts for each job, and the host's GPU for it.
void add_supervise_job(CLI::App& app, Commands& commands);

}  // namespace cli
