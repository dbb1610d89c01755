// Where a host keeps what `outboard exec` brought: below the server's state folder, for this user alone.
#pragma once
#include <string>

#include "base/result.h"

namespace exec {

struct Place {
  std::string folder;  // .../exec
  std::string store() const { return folder + "/store"; }
  std::string jobs() const { return folder + "/jobs"; }
  std::string job(const std::string& id) const { return jobs() + "/" + id; }
  std::string kernels() const { return folder + "/kernels"; }  // the software GPU's cache, apart from the workers'
  std::string environments() const { return folder + "/environments"; }
  std::string database() const { return folder + "/jobs.db"; }

  // Whether anything was ever brought here.
  static bool is_there();
  // Makes the folders.
  static base::Result<Place> open();
};

// Inside a job's folder.
inline constexpr const char* files_name = "/files";      // what was sent, and what the program makes of it
inline constexpr const char* libraries_name = "/lib";    // shared libraries that this host lacks
inline constexpr const char* results_name = "/results";  // what is brought back, once it has ended
inline constexpr const char* spec_name = "/spec.json";
inline constexpr const char* before_name = "/before";     // the manifest of what was sent
inline constexpr const char* manifest_name = "/outputs";  // the manifest of the results
inline constexpr const char* socket_name = "/socket";     // of the supervisor

}  // namespace exec
