// Moving bytes through descriptors; knows nothing of what they mean. Never raises SIGPIPE on sockets.
#include "link/descriptors.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace links {

ssize_t Descriptors::write(std::span<iovec> pieces, bool wait) {
  size_t count = std::min<size_t>(pieces.size(), IOV_MAX);
  for (;;) {
    ssize_t done;
    if (socket_) {
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = count;
      done = sendmsg(in_.get(), &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    } else {
      done = writev(out(), pieces.data(), static_cast<int>(count));
    }
    if (done >= 0 || errno != EINTR) return done;
  }
}

ssize_t Descriptors::read_now(void* to, size_t room) {
  if (socket_) return recv(in_.get(), to, room, MSG_DONTWAIT);
  if (!wait(true, false, 0).reading) return errno = EAGAIN, -1;
  return ::read(in_.get(), to, room);
}

ssize_t Descriptors::read_some(void* to, size_t room, bool all) {
  ssize_t got = -1;
  if (socket_ && patience_.look([&] {
        got = read_now(to, room);
        return got >= 0 || (errno != EAGAIN && errno != EINTR);
      }))
    return got;
  do got = socket_ && all ? recv(in_.get(), to, room, MSG_WAITALL) : ::read(in_.get(), to, room);
  while (got < 0 && errno == EINTR);
  return got;
}

Ready Descriptors::wait(bool reading, bool writing, int milliseconds) {
  pollfd both[] = {{reading ? in_.get() : -1, POLLIN, 0}, {writing ? out() : -1, POLLOUT, 0}};
  if (poll(both, 2, milliseconds) <= 0) return {};
  return {both[0].revents != 0, both[1].revents != 0};
}

}  // namespace links
