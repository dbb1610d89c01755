// The script of a Slurm job that stays when its client leaves (outboard exec --detach): the servers that take programs
// in are its children, so that the programs' supervisors belong to the job, and to none of its steps, which end with
// their clients. The job ends when the last program has, with its exit code.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_place_work(CLI::App& place, Commands& commands);

}  // namespace cli
