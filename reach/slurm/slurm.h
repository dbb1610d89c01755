// slurm://: the cluster's own scheduler gives us a place, and srun starts a server there.
#pragma once
#include "link/address.h"
#include "reach/program.h"

namespace reach {

// A helper's whole life. Its exit code. `ask`: only says what the partition has; no job is submitted.
int reach_slurm(Program& program, const links::Address& address, bool ask);

}  // namespace reach
