// The way to a job: a thread sends it what we read, the signals that were meant for us and the size of our window. What
// the job has not got yet is kept, for the case that the link breaks.
#pragma once
#include <termios.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "exec/conversation.h"

namespace exec {

class InputThread {
 public:
  // `reads`: our standard input is the job's. `terminal`: it is a terminal that hands every key on.
  InputThread(bool reads, bool terminal);
  ~InputThread();

  // Speaks to this one from now on, and begins with what is not acknowledged; nullptr: to nobody.
  void use(Conversation* host);
  // The job has so much of its input.
  void taken(uint64_t bytes);
  // Somebody wants us to end while there is nobody to tell.
  bool interrupted() const { return interrupted_; }

 private:
  void run();
  void read_input();
  void read_signals();
  void send_window();
  void wake();

  const bool reads_, terminal_;
  base::Fd signals_, wake_;
  std::mutex hold_;
  Conversation* host_ = nullptr;
  std::vector<std::byte> kept_;  // from `taken_` on
  uint64_t taken_ = 0;
  bool at_end_ = false;
  std::atomic<bool> stop_{false}, interrupted_{false};
  bool raw_ = false;
  termios before_{};
  std::thread thread_;
};

// Blocks them for this thread and those it makes.
void hold_signals();

}  // namespace exec
