// outboard exec, from the plan to the exit code.
#pragma once
#include <memory>

#include "exec/near/attend.h"
#include "exec/near/plan.h"
#include "exec/near/records.h"

namespace exec {

// The exit code: the program's own, 128 and the number of the signal that ended it, 2 for what is asked wrongly, 125
// when Outboard or the link fails, 126 what cannot be run there, 127 what is not there.
int ship(const Request& request);

// The end of a job, told: its results, what went wrong, the exit code.
struct Home {
  std::string to;  // where results go
  bool overwrite = false, quiet = false;
};
int finish(std::unique_ptr<Conversation>& host, const Record& record, const Ended& ended, const Home& home);

int complain(int code, const std::string& why);

}  // namespace exec
