// outboard run: replaces this process by the program, with Outboard's driver libraries in front of the system's.
#pragma once
#include <string>
#include <vector>

#include "cli/commands.h"

namespace cli {

// build/lib/NAME, or lib/outboard/NAME where Outboard is installed.
std::string library_folder(const char* name);

struct RunOptions {
  std::string target = "auto";
  std::string vgpu;        // empty: as OUTBOARD_VGPU says, or none
  bool queue = false;      // wait for a place rather than fail
  int devices = 0;         // software GPUs, 0: as OUTBOARD_DEVICES says
  std::string capability;  // what the software GPU claims; empty: as OUTBOARD_CC says, or by who asks
  std::string checks;      // of what kernels do: api/checks.h; empty: none
  int check_exit = 86;     // when they have found errors
  bool plaintext = false;  // tcp to another machine, without encryption
  bool verbose = false;
  std::vector<std::string> command;
};

// This process becomes the command. The exit code of a shell, after saying why it cannot: 126, or 127 when it is not
// there.
int become(const std::vector<std::string>& command);

// Returns on failure, with the exit code (2: no target, 126: cannot be executed, 127: not found) after saying why on
// standard error, and after a program whose kernels were checked.
int run(RunOptions options);
void add_run(CLI::App& app, Commands& commands);

}  // namespace cli
