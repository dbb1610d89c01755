// The limits: a ping-pong and a one-way stream over the very sockets that the links use, between two processes.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <new>

#include "bench/bare.h"
#include "bench/bench.h"
#include "bench/delay.h"

namespace bench {
namespace {

constexpr size_t request = 56, reply = 24;  // bytes of cuStreamQuery's frames

void read_all(int fd, char* to, size_t size) {
  while (size) {
    ssize_t got = read(fd, to, size);
    if (got <= 0) _exit(0);
    to += got;
    size -= static_cast<size_t>(got);
  }
}
void write_all(int fd, const char* from, size_t size) {
  while (size) {
    ssize_t done = write(fd, from, size);
    if (done <= 0) _exit(0);
    from += done;
    size -= static_cast<size_t>(done);
  }
}

// A listening socket on a free port of 127.0.0.1, which lands in `at`.
int listen_on_loopback(sockaddr_in& at) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  bind(listener, reinterpret_cast<sockaddr*>(&at), size);
  listen(listener, 1);
  getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  return listener;
}

}  // namespace

void make_pair(bool tcp, int pair[2]) {
  if (!tcp) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) _exit(1);
    return;
  }
  sockaddr_in at{};
  int listener = listen_on_loopback(at), on = 1;
  pair[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(pair[0], reinterpret_cast<sockaddr*>(&at), sizeof at) < 0) _exit(1);
  pair[1] = accept(listener, nullptr, nullptr);
  for (int i : {0, 1}) setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  close(listener);
}

double bare_round_trip_us(bool tcp) {
  char buffer[request];
  std::memset(buffer, 1, sizeof buffer);
  return between_processes(
      tcp,
      [&](int fd) {
        for (;;) read_all(fd, buffer, request), write_all(fd, buffer, reply);
      },
      [&](int fd) {
        std::vector<double> times;
        for (int i = 0; i < 5000; ++i) {
          double start = seconds();
          write_all(fd, buffer, request);
          read_all(fd, buffer, reply);
          times.push_back((seconds() - start) * 1e6);
        }
        return median(times);
      });
}

double bare_far_trip_ms(std::chrono::microseconds one_way) {
  sockaddr_in at{};
  int listener = listen_on_loopback(at), on = 1;
  pid_t child = fork();
  if (child == 0) {
    int peer = accept(listener, nullptr, nullptr);
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (char buffer[request];;) read_all(peer, buffer, request), write_all(peer, buffer, reply);
  }
  close(listener);
  std::vector<double> times;
  {
    Delay delay(ntohs(at.sin_port), one_way);
    int near = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_port = htons(static_cast<uint16_t>(delay.port()));
    connect(near, reinterpret_cast<sockaddr*>(&at), sizeof at);
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char buffer[request] = {};
    for (int i = 0; i < 28; ++i) {
      double start = seconds();
      write_all(near, buffer, request);
      read_all(near, buffer, reply);
      times.push_back((seconds() - start) * 1e3);
    }
    close(near);
  }
  waitpid(child, nullptr, 0);
  return median(times);
}

double bare_stream_gb_per_s(bool tcp) {
  // As a copy does: from a buffer of that size to another one.
  std::vector<char> buffer(stream_bytes, 1);
  return between_processes(
      tcp,
      [&](int fd) {
        std::fill(buffer.begin(), buffer.end(), 2);  // a copy of our own before the clock runs
        for (;;) {
          for (size_t at = 0; at < stream_bytes; at += piece) read_all(fd, buffer.data() + at, piece);
          write_all(fd, buffer.data(), 1);
        }
      },
      [&](int fd) {
        std::vector<double> rates;
        for (int i = 0; i < 9; ++i) {
          double start = seconds();
          for (size_t at = 0; at < stream_bytes; at += piece) write_all(fd, buffer.data() + at, piece);
          read_all(fd, buffer.data(), 1);
          rates.push_back(stream_bytes / (seconds() - start) / 1e9);
        }
        return median(rates);
      });
}

double bare_memory_round_trip_us() {
  struct Words {
    alignas(64) std::atomic<uint64_t> asked;
    char question[request];
    alignas(64) std::atomic<uint64_t> answered;
    char answer[reply];
  };
  void* shared = mmap(nullptr, sizeof(Words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* words = new (shared) Words{};
  constexpr uint64_t rounds = 20000;
  char buffer[request] = {1};
  pid_t child = fork();
  if (child == 0) {
    for (uint64_t i = 1; i <= rounds; ++i) {
      for (int looks = 0; words->asked.load(std::memory_order_acquire) < i; ++looks)
        looks < 1000 ? __builtin_ia32_pause() : static_cast<void>(sched_yield());
      std::memcpy(buffer, words->question, request);
      std::memcpy(words->answer, buffer, reply);
      words->answered.store(i, std::memory_order_release);
    }
    _exit(0);
  }
  std::vector<double> times;
  for (uint64_t i = 1; i <= rounds; ++i) {
    double start = seconds();
    std::memcpy(words->question, buffer, request);
    words->asked.store(i, std::memory_order_release);
    for (int looks = 0; words->answered.load(std::memory_order_acquire) < i; ++looks)
      looks < 1000 ? __builtin_ia32_pause() : static_cast<void>(sched_yield());
    std::memcpy(buffer, words->answer, reply);
    times.push_back((seconds() - start) * 1e6);
  }
  waitpid(child, nullptr, 0);
  munmap(shared, sizeof(Words));
  return median(times);
}

double memory_copy_gb_per_s() {
  std::vector<char> from(stream_bytes, 1), to(stream_bytes, 2);
  std::vector<double> rates;
  for (int i = 0; i < 5; ++i) {
    double start = seconds();
    std::memcpy(to.data(), from.data(), stream_bytes);
    rates.push_back(stream_bytes / (seconds() - start) / 1e9);
  }
  return median(rates);
}

}  // namespace bench
