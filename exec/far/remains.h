// What is left of a job's processes, whatever session or parent they have moved to: those below its supervisor, to whom
// the kernel gives them when their parents end (prctl(2), PR_SET_CHILD_SUBREAPER), and those that carry its variable in
// their environment.
#pragma once
#include <sys/types.h>

#include <csignal>
#include <string>
#include <vector>

namespace exec {

inline constexpr const char* job_variable = "OUTBOARD_JOB";

// Below the calling process, if `supervisor`.
std::vector<pid_t> remains_of(const std::string& job, bool supervisor);
// Sends a signal to all of them; how many there were.
size_t end_remains(const std::string& job, int signal, bool supervisor = false);

}  // namespace exec
