// What `outboard jobs` and `cancel` know of a cluster: the jobs that hold our places, in the words of hosts' own jobs.
#pragma once
#include <string>

#include "exec/conversation.h"

namespace cli {

// A cluster as a whole, slurm://..., and no job of it (slurm://?job=12): a job would be submitted to ask anything
// there.
bool is_cluster(const std::string& target);

// As a host tells of its jobs (exec/conversation.h, Kind::jobs): this user's places of a whole cluster, or, where the
// target is a job of it, the programs that were shipped into that, as far as Slurm knows. An error is Slurm's own.
base::Result<exec::Json> jobs_of_cluster(const std::string& target);

// The number of Slurm's job in which a shipped program runs or ran; empty: the target is none.
std::string number_in_cluster(const std::string& target);
// By Slurm's number. The exit code.
int cancel_in_cluster(const std::string& job);

}  // namespace cli
