// The limits of a command's pipes: a ping-pong with `cat` at the other end, and a one-way stream that is counted there.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "bench/bench.h"

namespace bench {
namespace {

constexpr size_t request = 56;  // bytes of cuStreamQuery's frame
constexpr size_t stream_bytes = size_t{64} << 20, piece = size_t{1} << 20;

struct Command {
  pid_t pid;
  int socket;
  explicit Command(const std::string& words) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) std::exit(1);
    pid = fork();
    if (pid == 0) {
      dup2(ends[1], 0);
      dup2(ends[1], 1);
      execl("/bin/sh", "sh", "-c", words.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    socket = ends[0];
  }
  ~Command() {
    close(socket);
    waitpid(pid, nullptr, 0);
  }
  void write_all(const char* from, size_t size) const {
    for (ssize_t done; size; from += done, size -= static_cast<size_t>(done))
      if ((done = write(socket, from, size)) <= 0) std::fprintf(stderr, "bench: the command ended\n"), std::exit(1);
  }
  void read_all(char* to, size_t size) const {
    for (ssize_t got; size; to += got, size -= static_cast<size_t>(got))
      if ((got = read(socket, to, size)) <= 0) std::fprintf(stderr, "bench: the command ended\n"), std::exit(1);
  }
};

}  // namespace

double command_round_trip_us(const std::string& prefix) {
  Command echo(prefix + " cat");
  char bytes[request] = {};
  std::vector<double> times;
  for (int i = 0; i < 2000; ++i) {
    double start = seconds();
    echo.write_all(bytes, request);
    echo.read_all(bytes, request);
    times.push_back((seconds() - start) * 1e6);
  }
  return median(times);
}

double command_stream_gb_per_s(const std::string& prefix) {
  Command count(prefix + " 'echo; head -c " + std::to_string(stream_bytes) + " | wc -c'");
  std::vector<char> bytes(piece, 1);
  char answer;
  count.read_all(&answer, 1);  // it has started
  double start = seconds();
  for (size_t sent = 0; sent < stream_bytes; sent += piece) count.write_all(bytes.data(), piece);
  count.read_all(&answer, 1);
  return stream_bytes / (seconds() - start) / 1e9;
}

}  // namespace bench
