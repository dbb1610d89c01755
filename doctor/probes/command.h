// Runs a command inside a probe, with a limit of its own, and keeps what it prints.
#pragma once
#include <string>
#include <vector>

#include "doctor/probes/reading.h"
#include "doctor/probes/probe.h"

namespace outboard::doctor::probes {

struct Output {
  bool ran = false;     // to its end
  bool absent = false;  // there is no such command
  int exit = 0;         // 128 and the signal when one ended it
  std::string out, err;
  std::string why;  // not ran: one sentence
};

// `arguments[0]` is a name that is looked for in the place's folders, or a path as it is. The command runs with the
// place's environment, no input, and the language C.
Output run_command(const Place& place, const std::vector<std::string>& arguments, milliseconds limit,
                   size_t most_output = 1 << 20);
// The path of a command in the place's folders; empty: there is none.
std::string find_command(const Place& place, const std::string& name);

}  // namespace outboard::doctor::probes
