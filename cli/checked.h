// outboard run --check: the program as a child, so that its exit code can tell of errors.
#pragma once

namespace cli {

// Runs the program, which finds its device as the environment says, and says how many errors its processes found.
// Returns the exit code: `on_errors` if there were any, else the program's own, or 128 and the number of the signal
// that ended it.
int run_checked(char* const* arguments, int on_errors);

}  // namespace cli
