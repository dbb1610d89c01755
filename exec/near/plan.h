// What a command line means: which file is the program, what goes with it, what is left to the host. Nothing is sent or
// asked yet.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/manifest.h"
#include "exec/near/needs.h"
#include "exec/spec.h"

namespace exec {

struct Request {
  std::string target = "auto", vgpu;
  std::vector<std::string> inputs, outputs, environment, command;
  std::string venv;      // a virtual environment's folder; empty: none
  std::string to = ".";  // where results go
  bool folder = false;   // --cwd
  bool detach = false, terminal = false, quiet = false, overwrite = false;
  std::optional<uint64_t> keep, grace;  // seconds
};

// An error with the exit code it means: 2 usage, 126 cannot be run, 127 is not there, 125 anything else.
struct Refusal {
  int code;
  std::string why;
};

// Files that travel: their names in the bundle and where they are here.
struct Cargo {
  Manifest manifest;
  std::vector<std::string> sources;  // by entry
  void add(Entry entry, const std::string& source) {
    manifest.push_back(std::move(entry));
    sources.push_back(source);
  }
};

struct Plan {
  Spec spec;
  Cargo cargo;
  std::string program;                // the file here; empty: the host's own command
  Needs needs;                        // of the program
  std::vector<std::string> commands;  // that the host must have: interpreters, or the program itself
  std::vector<std::string> told;      // what was assumed
};

base::Result<Plan> make_plan(const Request& request, Refusal& refusal);

}  // namespace exec
