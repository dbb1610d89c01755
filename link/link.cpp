// Moving bytes through descriptors; knows nothing of what they mean.
#include "link/link.h"

#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>

namespace links {
namespace {

constexpr std::chrono::microseconds look_for{40};
constexpr int give_up_after = 4;  // looks in vain: the peer is slow or idle, so sleep at once
constexpr int try_again_after = 20;

}  // namespace

Link::Link(base::Fd socket) : in_(std::move(socket)), socket_(true) {}
Link::Link(base::Fd in, base::Fd out) : in_(std::move(in)), out_(std::move(out)) {}

ssize_t Link::write_some(std::span<iovec> pieces, bool wait) {
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

bool Link::write_all(std::span<iovec> pieces) {
  while (!pieces.empty()) {
    ssize_t done = write_some(pieces, true);
    if (done < 0) return false;
    pieces = after(pieces, static_cast<size_t>(done));
  }
  return true;
}

ssize_t Link::read_some(void* to, size_t room, bool wait_for_all) {
  for (;;) {
    ssize_t got = socket_ && wait_for_all ? recv(in_.get(), to, room, MSG_WAITALL) : ::read(in_.get(), to, room);
    if (got >= 0 || errno != EINTR) return got;
  }
}

ssize_t Link::read_now(void* to, size_t room) { return recv(in_.get(), to, room, MSG_DONTWAIT); }

std::span<iovec> after(std::span<iovec> pieces, size_t done) {
  while (!pieces.empty() && done >= pieces[0].iov_len) {
    done -= pieces[0].iov_len;
    pieces = pieces.subspan(1);
  }
  if (done) {
    pieces[0].iov_base = static_cast<std::byte*>(pieces[0].iov_base) + done;
    pieces[0].iov_len -= done;
  }
  return pieces;
}

// Gives the processor to whoever else wants it between two looks: the peer may need this very core.
ssize_t Input::look_for_a_while(void* to, size_t room) {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + look_for;
  do {
    ssize_t got = link_.read_now(to, room);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR)) return looked_in_vain_ = 0, got;
    sched_yield();
  } while (Clock::now() < end);
  ++looked_in_vain_;
  return -1;
}

ssize_t Input::read_some(void* to, size_t room, bool all) {
  if (link_.is_socket()) {
    bool look = looked_in_vain_ < give_up_after;
    if (!look && ++looked_in_vain_ >= try_again_after) looked_in_vain_ = 0;
    ssize_t got = look ? look_for_a_while(to, room) : -1;
    if (got >= 0) return got;
  }
  return link_.read_some(to, room, all);
}

bool Input::read(void* to, size_t size) {
  auto* place = static_cast<std::byte*>(to);
  while (size) {
    if (begin_ != end_) {
      size_t part = std::min(size, end_ - begin_);
      std::memcpy(place, buffer_ + begin_, part);
      begin_ += part;
      place += part;
      size -= part;
      continue;
    }
    bool large = size >= sizeof buffer_ / 2;  // past the buffer
    ssize_t got = large ? read_some(place, size, true) : read_some(buffer_, sizeof buffer_, false);
    if (got <= 0) return false;
    if (large) {
      place += got;
      size -= static_cast<size_t>(got);
    } else {
      begin_ = 0;
      end_ = static_cast<size_t>(got);
    }
  }
  return true;
}

}  // namespace links
