// A job of Slurm's, by Slurm's own commands: sbatch, scontrol, scancel, sinfo.
#pragma once
#include <cstdint>
#include <string>

#include "link/address.h"
#include "reach/child.h"

namespace reach {

struct JobState {
  std::string state;   // RUNNING, PENDING, ... (squeue(1), JOB STATE CODES)
  std::string reason;  // why it waits, "Resources"
  std::string start;   // when it will, as far as Slurm can tell; empty: it cannot
  std::string nodes;
  std::string exit_code;
  uint64_t restarts = 0;
  bool heterogeneous = false;

  bool waits() const { return state == "PENDING" || state == "CONFIGURING" || state == "REQUEUED"; }
  bool runs() const { return state == "RUNNING"; }
  // Nothing more will come of it.
  bool over() const;
};

// Asks for what the address says; a shell runs `script` on the first node. `requeue`: again when the node fails.
// `command`: what it is for, which is shown in lists.
base::Result<uint64_t> submit(const links::Address& address, const std::string& script, const Words& command);
base::Result<JobState> look_at_job(uint64_t job, int seconds = 20);
base::Status cancel(uint64_t job);
// Where Slurm has not seen yet that the node has failed, or never will: it is our server that did.
void requeue(uint64_t job);

// A job that we have submitted, as a list shows it.
struct OwnJob {
  std::string number;  // "12"; "12+0" and "12+1" of a heterogeneous job
  std::string state, reason, nodes;
  std::string submitted;  // local time, "2026-11-26T07:30:00"
  uint64_t exit_code = 0;
  std::string command;
};
// This user's, also those that ended a while ago, for as long as Slurm remembers them (slurm.conf(5), MinJobAge).
base::Result<std::vector<OwnJob>> own_jobs();

// What a partition has, for a person: "partition gpu: 2 of 3 nodes idle, each with gpu:2,vgpu:8".
base::Result<std::string> look_at_partition(const std::string& partition);

// For every run of one job, each greater than those before.
inline uint64_t generation_of(uint64_t job, uint64_t restarts) { return job << 16 | (restarts & 0xffff); }

}  // namespace reach
