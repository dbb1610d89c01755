// Two processes and a socket between them: what the limits are measured with.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>

namespace bench {

inline constexpr size_t stream_bytes = size_t{256} << 20, piece = size_t{1} << 20;

// Connected; `tcp` false: a unix socket.
void make_pair(bool tcp, int pair[2]);

// Runs `theirs` on one end in a child and `ours` on the other here.
template <class Theirs, class Ours>
double between_processes(bool tcp, Theirs theirs, Ours ours) {
  int pair[2];
  make_pair(tcp, pair);
  pid_t child = fork();
  if (child == 0) {
    close(pair[0]);
    theirs(pair[1]);
    _exit(0);
  }
  close(pair[1]);
  double result = ours(pair[0]);
  close(pair[0]);
  waitpid(child, nullptr, 0);
  return result;
}

}  // namespace bench
