// What a person may send to others: the facts without names, addresses and secrets, in a file that is written whole or
// not at all.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "doctor/facts.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor {

// Names that must not stay: of users and of this machine.
struct Private {
  std::vector<std::string> users, hosts;
};
Private private_names(const probes::Place& place);

// Users become "user", hosts "host", addresses "address", secrets "redacted"; a GPU's UUID becomes a number of its own,
// the same wherever it stood.
Facts redact(const Facts& facts, const Private& names);

// Writes beside the file and then renames: what was there stays when the disk is full.
base::Status write_whole(const std::string& path, const std::string& text);
// Both, as a snapshot. "-": standard output.
base::Status write_bundle(const Facts& facts, const probes::Place& place, const std::string& path);

}  // namespace outboard::doctor
