// Moving bytes through descriptors; knows nothing of what they mean.
#include "link/link.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace links {

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

ssize_t Link::read_some(void* to, size_t room) {
  for (;;) {
    ssize_t got = ::read(in_.get(), to, room);
    if (got >= 0 || errno != EINTR) return got;
  }
}

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
    ssize_t got = large ? link_.read_some(place, size) : link_.read_some(buffer_, sizeof buffer_);
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
