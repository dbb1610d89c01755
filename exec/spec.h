// What shall run and how: made by the client, kept beside the job, obeyed by its supervisor.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "exec/conversation.h"

namespace exec {

// A program of the host's, run before the one that was asked for, in the same folder.
struct Preparation {
  std::vector<std::string> arguments;  // [0]: its path
  std::string says;                    // "installing requirements.txt"
};

struct Spec {
  std::string program;                 // the file that was sent, relative to the bundle; empty: a command of the host's
  std::string command;                 // the command's path there
  std::vector<std::string> arguments;  // [0]: as the user wrote it
  std::string folder;                  // where it starts, relative to the bundle; empty: the bundle's own folder
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> outputs;  // globs, relative to `folder`; none: whatever it makes or changes
  std::string vgpu;                  // empty: none
  std::string requirements;          // a lock file for Python packages, relative to the bundle; empty: none
  std::string client;                // the machine that asks
  bool terminal = false;
  unsigned rows = 24, columns = 80;
  bool detached = false;
  uint64_t keep = 7 * 86400;  // seconds
  int64_t grace = -1;         // seconds that it goes on without its client; -1: as long as it likes
};

// What a job may be called: letters and digits, for it becomes a part of file names on both sides.
bool is_job_name(std::string_view name);

// Whether pip reads a lock file of that name by itself; of others a list is made for it (far/lock_list.py).
bool is_pip_list(std::string_view lock_file);

Json to_json(const Spec& spec);
// From untrusted text; an error says what is not right.
base::Result<Spec> parse_spec(const Json& json);

}  // namespace exec
