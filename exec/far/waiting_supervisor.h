// A job's supervisor that starts while the client is still asked what it wants: this program anew, with nothing of the
// server's memory, no descriptor of its, no parent. It waits for the word to go, and ends without it.
#pragma once
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace exec {

class WaitingSupervisor {
 public:
  // Of the job that is going to have this name.
  static base::Result<WaitingSupervisor> start(const std::string& job);
  const std::string& job() const { return job_; }
  // The job is in its folder and in the database. Returns when clients can come to it.
  base::Status go(const std::string& folder);

 private:
  std::string job_;
  base::Fd socket_;
};

// In the supervisor: whether it shall go. What it says goes to the log in the job's folder from then on.
bool told_to_go();
void say_into(const std::string& log);
inline constexpr const char* log_name = "/log";

}  // namespace exec
