// What a job may do on its host: ordinary work. It reads the system, its own folder is its home and its scratch space;
// the user's home, other jobs and the server's state are not there for it. docs/exec.md, "What a program may do there".
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "server/sandbox.h"

namespace exec {

struct Confinement {
  bool off = false;  // serve --no-sandbox
  server::SandboxRooms rooms;
  std::string scratch;  // what /tmp is for it; empty: there is none

  // `own`: folders that it may change. `libraries`: Outboard's, which may lie in a home.
  static Confinement of_job(const std::vector<std::string>& own, const std::vector<std::string>& libraries);
  // Whether a program of this host can be run inside.
  bool covers(const std::string& path) const;
  // For the calling process, which is about to become the program. An error says what is not in force.
  base::Status enter() const;
};

}  // namespace exec
