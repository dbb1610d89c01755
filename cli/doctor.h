// outboard doctor: why is there no GPU here, and what is the way out.
#pragma once
#include <string>
#include <vector>

#include "cli/commands.h"

namespace cli {

struct DoctorOptions {
  bool json = false, quiet = false, verbose = false;
  bool list_checks = false;
  std::string explain;  // a cause's id
  bool explains_text = false;
  std::string text;    // an error text; empty with explains_text: standard input
  std::string replay;  // a snapshot instead of this machine; nothing is run
  std::string bundle;  // where to write a snapshot of this machine
  std::string target;  // another machine's doctor; empty: this one's
  bool fix = false, undo = false, yes = false;
  std::vector<std::string> words;  // interfaces, ids of checks, then the program and its arguments
};

constexpr int doctor_misused = 4;

// The exit code: 0 works, 1 blocked and the cause found, 2 works with limits, 3 blocked and the cause unknown, 4 usage,
// 5 a probe crashed.
int doctor(const DoctorOptions& options);
void add_doctor(CLI::App& app, Commands& commands);

// Says on standard error why the doctor does not begin; the exit code.
int doctor_refuses(const std::string& why);

// The verdict on this machine's CUDA in one line, for other commands that failed.
std::string doctor_in_a_line();

}  // namespace cli
