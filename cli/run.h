// outboard run: replaces this process by the program, with Outboard's driver libraries in front of the system's.
#pragma once
#include <string>
#include <vector>

namespace cli {

// build/lib/NAME, or lib/outboard/NAME where Outboard is installed.
std::string library_folder(const char* name);

// Returns only on failure, with the exit code (2: no target, 126: cannot be executed, 127: not found) after saying
// why on standard error.
// `devices` software GPUs, 0: as OUTBOARD_DEVICES says.
int run(const std::string& target, int devices, bool verbose, std::vector<std::string> command);

}  // namespace cli
