#include "reach/bootstrap/copying.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "reach/bootstrap/tar.h"

namespace reach {
namespace {

constexpr int look_ms = 200;
constexpr size_t part = size_t{1} << 20;

// How much has gone, on the terminal.
class Percent {
 public:
  explicit Percent(uint64_t all) : all_(std::max<uint64_t>(all, 1)) {}
  ~Percent() {
    if (shows_) std::fprintf(stderr, "\n");
  }
  void moved(size_t bytes) {
    sent_ += bytes;
    const uint64_t now = std::min<uint64_t>(100, sent_ * 100 / all_);
    if (!shows_ || now == told_) return;
    std::fprintf(stderr, "\routboard: copying: %llu %%", static_cast<unsigned long long>(told_ = now));
  }

 private:
  const bool shows_ = isatty(STDERR_FILENO);
  uint64_t all_, sent_ = 0, told_ = 0;
};

}  // namespace

// False: the command has ended, whoever else may have kept its end of the socket (srun's own children do).
base::Result<bool> Copying::wait_for(short event) {
  pollfd watched[] = {{socket_.get(), event, 0}, {far_.error_descriptor(), POLLIN, 0}};
  const bool stays = !far_.child().ended();
  poll(watched, 2, stays ? look_ms : 0);
  if (watched[1].revents) far_.pass_error_on();
  TRY(meanwhile_());
  return stays || watched[0].revents & event;
}

base::Result<Mark> Copying::await_mark() {
  Mark mark;
  while (mark.state() == Mark::State::searching) {
    char byte;
    const ssize_t got = recv(socket_.get(), &byte, 1, MSG_DONTWAIT);
    if (got == 1)
      mark.take(byte);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR) || !TRY(wait_for(POLLIN)))
      break;
  }
  return mark;
}

// False: it takes no more.
base::Result<bool> Copying::send_some(std::span<const char>& bytes) {
  const ssize_t sent = ::send(socket_.get(), bytes.data(), std::min(bytes.size(), part), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
  if (sent < 0) return TRY(wait_for(POLLOUT));
  bytes = bytes.subspan(static_cast<size_t>(sent));
  return true;
}

base::Status Copying::send(const Bundle& bundle) {
  Percent percent(bundle.size);
  bool taken = true;
  base::Status stopped = base::Done{};
  base::Status written = write_tar(bundle, [&](std::span<const char> bytes) {
    while (!bytes.empty()) {
      const size_t before = bytes.size();
      auto some = send_some(bytes);
      if (!some) stopped = base::Error{some.error()};
      if (!some || !some.value()) return taken = false;
      percent.moved(before - bytes.size());
    }
    return true;
  });
  shutdown(socket_.get(), SHUT_WR);
  TRY(std::move(stopped));
  return taken ? std::move(written) : base::Done{};
}

}  // namespace reach
