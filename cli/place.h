// outboard place: what Outboard runs on a cluster's node beside its servers (reach/slurm/place.h). Not for people.
#pragma once
#include "cli/commands.h"

namespace cli {

void add_place(CLI::App& app, Commands& commands);

}  // namespace cli
