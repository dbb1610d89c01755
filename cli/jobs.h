// outboard jobs, logs, wait, fetch, cancel: what runs on hosts after we left.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_jobs(CLI::App& app, Commands& commands);

}  // namespace cli
