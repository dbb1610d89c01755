// outboard run: replaces this process by the program, with Outboard's driver libraries in front of the system's.
#pragma once
#include <string>
#include <vector>

namespace cli {

// Returns only on failure, with the exit code (126: cannot be executed, 127: not found) after one sentence on stderr.
int run(const std::string& target, bool verbose, std::vector<std::string> command);

}  // namespace cli
