// A job that holds a place on a node for our servers. A heartbeat goes to and fro between us and a process there, once
// a second: without it we say within five seconds that the node has failed, where Slurm takes 7 s at best and minutes
// by default, and the servers there stop by themselves, which Slurm cannot make them do.
//
// The heartbeat is what renews their lease. The process there sends its clock; we send back the last that came; the
// lease counts from the time that we sent back. So a heartbeat that lay in some buffer while a link was down renews
// nothing, and we know when all that served under it has stopped.
#pragma once
#include <chrono>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "link/address.h"
#include "reach/program.h"
#include "reach/slurm/allocation.h"
#include "reach/slurm/job.h"
#include "reach/server.h"

namespace reach {

// Names a place for who takes it by its job's number (environment).
inline constexpr const char* place_name_variable = "OUTBOARD_PLACE_NAME";

class Place final : public Allocation {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Use {
    sessions,   // servers are started there by us
    by_number,  // somebody in the job takes the place again, by the job's number
    jobs,       // the same as sessions, and what the servers have started stays with the job when we leave
  };
  static constexpr int lease_seconds = 8;

  // Submits a job, or takes the one that the address names, and waits until it runs; standard error says what it waits
  // for. `program`: for whom; when it leaves, the job is cancelled.
  // A job that the address names and that is over is done without where the address names its node, too: another job
  // of ours goes there, to what the first has left behind.
  // `command`: what it is for, which Slurm's lists show.
  static base::Result<std::unique_ptr<Place>> take(const links::Address& address, Program& program,
                                                   const Words& command = {}, Use use = Use::sessions);
  // After the node has failed: waits until no server can run under the old lease, and until Slurm has started the job
  // again.
  base::Status take_again(Program& program);
  // Leaves the job to what was started there.
  void leave() { ours_ = false; }
  // Ends the job, if it is ours.
  ~Place() override;

  Words server_words() const override;
  uint64_t generation() const override { return generation_of(job_, restarts_); }
  int descriptor() const override { return pulse_.get(); }
  int due_ms() const override;
  bool tick() override;
  std::string reason() const override { return reason_; }

  uint64_t job() const { return job_; }
  // Where what runs in this job is found, and what it has left behind when the job is over.
  std::string target() const;
  const std::string& nodes() const { return nodes_; }
  const std::string& name() const { return name_; }

 private:
  Place(const links::Address& address, const Words& command, Use use, std::string name)
      : address_(address), command_(command), use_(use), name_(std::move(name)) {}
  base::Status submit_job();
  base::Status find_job(uint64_t given, Program& program);
  base::Status await_start(Program& program, uint64_t restarts_before);
  base::Status start_keeper(Program& program);
  base::Result<Mark> meet_keeper(Program& program);
  void take_pulse();
  base::Status copy_there(const std::string& machine, Program& program);
  base::Error no_keeper(const Mark& mark);
  Words step_words() const;  // up to a shell's command
  Words step_words(const FarCommand& command) const;
  std::string lease_file() const;
  bool give_back();
  bool is_over() const;
  bool hear();
  void send_back();
  // Looks now and then whether Slurm has given the node up, whose agent may have died beside a server that lives.
  bool still_ours();
  std::string explain_silence(bool broke) const;

  const links::Address address_;
  const Words command_;
  const Use use_;
  uint64_t job_ = 0;
  bool ours_ = false;
  const std::string name_;  // of its lease's files: nobody else's on a node, whatever the clusters that it is in
  uint64_t restarts_ = 0;
  bool heterogeneous_ = false;
  std::string nodes_, reason_;
  std::optional<Server> keeper_;
  bool kept_ = false;  // it has had the lease, with which the job's script ends
  base::Fd pulse_;
  std::string line_, last_;             // of what the keeper sends; last_ is its clock
  Clock::time_point heard_{}, beat_{};  // when last_ came, and when we sent it back
  Clock::time_point asked_{};           // when Slurm was last asked
  Clock::time_point fenced_{};          // when a lease that we have renewed is over
};

}  // namespace reach
