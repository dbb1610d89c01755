// What all kinds of channels have in common.
#include "link/link.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "link/descriptors.h"

namespace links {

ssize_t Channel::write_some(std::span<iovec> pieces) {
  for (;;) {
    ssize_t done = write_now(pieces);
    if (done >= 0 || (errno != EAGAIN && errno != EINTR)) return done;
    wait(false, true, -1);
  }
}

ssize_t Channel::read_some(void* to, size_t room, bool) {
  for (;;) {
    ssize_t got = read_now(to, room);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR)) return got;
    wait(true, false, -1);
  }
}

Link::Link(base::Fd socket) : channel_(std::make_unique<Descriptors>(std::move(socket))) {}
Link::Link(base::Fd in, base::Fd out) : channel_(std::make_unique<Descriptors>(std::move(in), std::move(out))) {}

int Link::socket() const {
  auto* plain = dynamic_cast<Descriptors*>(channel_.get());
  return plain && plain->is_socket() ? plain->descriptor() : -1;
}

bool Link::write_all(std::span<iovec> pieces) {
  for (pieces = after(pieces, 0); !pieces.empty();) {
    ssize_t done = write_some(pieces, true);
    if (done < 0) return false;
    pieces = after(pieces, static_cast<size_t>(done));
  }
  while (!channel_->flushed()) {
    if (!channel_->wait(false, true, -1).writing) continue;
    if (channel_->write_now({}) < 0 && errno != EAGAIN) return false;
  }
  return true;
}

bool Link::read_all(void* to, size_t size, int patience_ms) {
  for (auto* place = static_cast<std::byte*>(to); size;) {
    ssize_t got = channel_->read_now(place, size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {  // it may have what no poll shows, so it is asked first
      if (!channel_->wait(true, false, patience_ms).reading) return false;
      continue;
    }
    if (got <= 0) return false;
    place += got;
    size -= static_cast<size_t>(got);
  }
  return true;
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
  bool buffer = link_.channel().wants_buffer();
  while (size) {
    if (begin_ != end_) {
      size_t part = std::min(size, end_ - begin_);
      std::memcpy(place, buffer_ + begin_, part);
      begin_ += part;
      place += part;
      size -= part;
      continue;
    }
    bool straight = !buffer || size >= sizeof buffer_ / 2;  // past the buffer
    ssize_t got = straight ? link_.read_some(place, size, true) : link_.read_some(buffer_, sizeof buffer_);
    if (got <= 0) return false;
    if (straight) {
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
