// outboard run --on slurm://...: one job holds a place for all processes of the program, and ends with it.
#pragma once
#include <string>
#include <vector>

#include "link/address.h"

namespace cli {

// The program's exit code, or 2 after saying why there is no place. Sets what the program's helpers need.
int run_in_place(const links::Address& address, const std::vector<std::string>& command);

}  // namespace cli
