// Programs that the keeper of a session runs: they end with it, whatever happens.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace desktop {

struct ChildOptions {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // beside the keeper's own
  std::string log;                                 // a file for what it prints; empty: nowhere
  int keep = -1;                                   // a descriptor that it gets, at the same number
};

// An error: there is no such program, or it cannot be run.
base::Result<pid_t> spawn(const ChildOptions& options);
// Runs to its end; what it printed, or why not. For short questions.
base::Result<std::string> ask_program(ChildOptions options, std::chrono::milliseconds most);

bool is_installed(const std::string& program);
// The end of a log, for messages; one line, printable.
std::string last_words(const std::string& log);

// Asks all children, and theirs, to end; insists after two seconds. The caller must be their reaper
// (PR_SET_CHILD_SUBREAPER).
void end_children();

}  // namespace desktop
