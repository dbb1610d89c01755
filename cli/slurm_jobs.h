// What `outboard jobs` and `cancel` know of a cluster: the jobs that hold our places, in the words of hosts' own jobs.
#pragma once
#include <string>

#include "exec/conversation.h"

namespace cli {

// A cluster as a whole, slurm://..., and no job of it (slurm://?job=12): a job would be submitted to ask anything
// there.
bool is_cluster(const std::string& target);

// This user's places, as a host tells of its jobs (exec/conversation.h, Kind::jobs). An error is Slurm's own.
base::Result<exec::Json> jobs_of_cluster();

// By Slurm's number. The exit code.
int cancel_in_cluster(const std::string& job);

}  // namespace cli
