// outboard place: what Outboard runs on a cluster's node beside its servers (reach/slurm/place.h). Not for people.
#pragma once
#include <string>

#include "base/result.h"
#include "cli/commands.h"

namespace cli {

// Makes the folder that a lease is in. It is this user's alone: in a folder for temporary files anybody could have made
// it first.
base::Status own_folder(const std::string& file);

void add_place(CLI::App& app, Commands& commands);

}  // namespace cli
