// outboard run and exec --on slurm://...: one job holds a place for all connections of the program, and ends with it.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "link/address.h"
#include "reach/slurm/place.h"

namespace cli {

// What runs there: in a process of its own, whose helpers find the place in its environment. Its exit code.
struct Guest {
  std::vector<std::string> command;  // for Slurm's lists
  std::function<int(const reach::Place&)> body;
  bool goes_with_place = false;  // it is ended when the place is gone; otherwise its device tells it
  bool leaves_jobs = false;      // what it starts there stays in the place's job
};
// The guest's exit code, or 2 after saying why there is no place; 125: the place is gone, and the guest with it.
int run_in_place(const links::Address& address, const Guest& guest);
// With client=PARTITION: the program runs in the other half of a heterogeneous job, beside the server's.
int run_in_client_half(const links::Address& address, const std::vector<std::string>& command);

}  // namespace cli
