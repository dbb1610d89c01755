// A process that we start, watch and end: ssh, srun, sbatch and what asks them.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace reach {

using Words = std::vector<std::string>;

class Child {
 public:
  // Where its standard input, output and error come from; -1: /dev/null, and of the error: ours.
  struct Ends {
    int in = -1, out = -1, error = -1;
  };
  static base::Result<Child> start(const Words& words, Ends ends);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();  // ends it, if it has not ended

  pid_t pid() const { return pid_; }
  // Readable once it has ended (pidfd_open(2)); -1 on old systems: ended() tells.
  int descriptor() const { return descriptor_.get(); }
  // As a shell has it: 128 and more for a signal. Nothing: it runs on.
  std::optional<int> ended();
  int wait();
  // SIGTERM; SIGKILL when that does not help within a second.
  void end();

 private:
  explicit Child(pid_t pid);
  pid_t pid_;
  base::Fd descriptor_;
  std::optional<int> code_;
};

struct Said {
  int code = 0;
  std::string out, error;
};
// Runs it to its end with `input`, and gives what it said, up to 1 MiB of each. Ends it after `seconds`.
base::Result<Said> ask(const Words& words, int seconds, const std::string& input = {});

// The last line that says anything.
std::string last_line(const std::string& text);

}  // namespace reach
