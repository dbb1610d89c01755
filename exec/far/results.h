// What a run made or changed: found by looking at its folder before and after, checked by content.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/manifest.h"
#include "exec/spec.h"

namespace exec {

// How files look without reading them.
struct Look {
  uint64_t inode = 0, size = 0;
  int64_t changed = 0, modified = 0;  // nanoseconds
  bool operator==(const Look&) const = default;
};
using Snapshot = std::map<std::string, Look>;

Snapshot look_at(const std::string& folder);

struct Results {
  Manifest manifest;              // relative to the program's folder
  std::vector<std::string> left;  // what is not brought back, and why: one sentence each
};

// `files`: the bundle's folder; `before`: what was sent, with the hashes. `outputs` empty: everything that is new or
// has changed below the program's folder; else of that what matches one of them.
base::Result<Results> find_results(const std::string& files, const Spec& spec, const Manifest& before,
                                   const Snapshot& snapshot);
}  // namespace exec
