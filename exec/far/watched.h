// A program that runs, seen from its supervisor: its streams go through here, within bounds.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/far/output_log.h"
#include "exec/far/program.h"

struct pollfd;

namespace exec {

class Watched {
 public:
  Watched(OutputLog out, OutputLog err) : logs_{std::move(out), std::move(err)} {}

  // Takes over a program's streams. `merged`: all that it writes goes to standard error.
  void adopt(Running running, bool merged);
  const std::string& weak() const { return running_.weak; }

  // What to wait for; `ahead`: of both streams, up to where the program may write.
  void watch(std::vector<pollfd>& watched, const uint64_t (&limit)[2]) const;
  // Moves what can be moved. An error: the disk is full and stays so.
  base::Status move(const std::vector<pollfd>& watched);
  // The disk is full, but that may pass: the program is held back, and move() is to be called again soon.
  bool waits_for_disk() const { return disk_full_since_ms_ != 0; }
  // Both streams have ended, and are on the disk.
  bool silent() const;
  void close_streams();
  // What is still in the pipes of a program that is no more.
  void drain();

  // `at`: its offset. False: more than the window, or out of order.
  bool take_input(uint64_t at, const std::byte* bytes, size_t size);
  void end_input();
  uint64_t input_done() const { return input_done_; }
  int terminal() const { return terminal_ ? running_.out.get() : -1; }
  void set_terminal(bool terminal) { terminal_ = terminal; }

  uint64_t size(int stream) const { return logs_[stream].size(); }
  void trim(int stream, uint64_t needed);
  base::Status say(const std::string& line);  // into standard error

 private:
  base::Status read_stream(base::Fd& from, int stream);
  base::Status write_unwritten();
  void write_input();

  OutputLog logs_[2];
  std::vector<std::byte> unwritten_[2];  // what the disk had no room for
  int64_t disk_full_since_ms_ = 0;
  Running running_;
  bool merged_ = false, terminal_ = false, input_ends_ = false;
  std::vector<std::byte> input_;  // on its way into the program
  uint64_t input_done_ = 0;       // what the program has
};

}  // namespace exec
