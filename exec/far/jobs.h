// The jobs of this host, in SQLite: what ran, what runs, how it ended, and for how long its results are kept.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/far/place.h"
#include "server/state/database.h"

namespace exec {

struct Job {
  std::string id;
  std::string owner;                            // the token it came with; empty: this host's own user
  std::string command;                          // as the user wrote it
  std::string client;                           // the machine it came from
  std::string state;                            // preparing, running, done, failed, cancelled, lost
  int64_t code = 0;                             // exit code; 128 and the signal's number
  std::string why;                              // failed, lost: one sentence
  int64_t created = 0, ended = 0, expires = 0;  // seconds since 1970; expires 0: not before it has ended
  uint64_t keep = 0;                            // seconds that results are kept
  std::string boot;                             // of the host when it started
  int64_t process = 0, process_start = 0;       // who looks after it: service, then supervisor

  bool over() const { return state != "preparing" && state != "running"; }
};

class Jobs {
 public:
  static base::Result<Jobs> open(const Place& place);

  base::Status add(const Job& job);
  // Everything but what it is.
  base::Status update(const Job& job);
  // By id or the beginning of it. `owner`: whose; empty: anybody's.
  base::Result<Job> find(const std::string& id, const std::string& owner);
  base::Result<std::vector<Job>> all(const std::string& owner);
  base::Status remove(const std::string& id);  // and its folder

  // Jobs whose supervisor is gone are lost, and whatever of them still runs is ended; what has expired goes.
  base::Status look_after();

 private:
  Jobs(Place place, server::Database database) : place_(std::move(place)), database_(std::move(database)) {}
  base::Result<std::vector<Job>> rows(server::Statement statement);
  base::Status finish(server::Statement& statement);
  base::Status bury(Job job);  // one that nobody looks after any more

  Place place_;
  server::Database database_;
};

std::string new_job_id();
std::string boot_id();
// When a process started, in ticks since the boot (proc(5), "starttime"); 0: it is gone.
int64_t start_of(int64_t process);

}  // namespace exec
