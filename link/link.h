// A link: what a client and its worker have between them. Owns a channel; says the same of every kind.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>

#include "base/fd.h"
#include "link/channel.h"

namespace links {  // not `link`: POSIX has a function of that name

class Link {
 public:
  Link() = default;
  explicit Link(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
  explicit Link(base::Fd socket);
  Link(base::Fd in, base::Fd out);

  Channel& channel() { return *channel_; }
  std::unique_ptr<Channel> take() { return std::move(channel_); }
  // Of the socket that this link is, for what must be done with one; -1: it is something else.
  int socket() const;
  // For a poll for the peer's end (POLLRDHUP); -1: there is none, gone() tells.
  int in() const { return channel_->descriptor(); }

  // At least 1 byte, or -1 with errno (EAGAIN when it would wait and `wait` is false).
  ssize_t write_some(std::span<iovec> pieces, bool wait) {
    return wait ? channel_->write_some(pieces) : channel_->write_now(pieces);
  }
  // Everything, waiting as long as it takes. False: the peer is gone.
  bool write_all(std::span<iovec> pieces);
  // At least one byte, waiting; 0: the peer closed; -1 with errno.
  ssize_t read_some(void* to, size_t room, bool all = false) { return channel_->read_some(to, room, all); }
  // Exactly `size` bytes and none beyond them, with no wait of more than `patience_ms`. False: the peer closed, failed
  // or was slower.
  bool read_all(void* to, size_t size, int patience_ms);

 private:
  std::unique_ptr<Channel> channel_;
};

// Drops `done` bytes from the front of `pieces`.
std::span<iovec> after(std::span<iovec> pieces, size_t done);

// Reads whole things from a link, few system calls for small ones and no copy for large ones.
class Input {
 public:
  explicit Input(Link& link) : link_(link) {}
  // Exactly `size` bytes; false: the peer closed or failed before.
  bool read(void* to, size_t size);
  // Some have arrived that were not read yet; there may be more on the link.
  bool holds_bytes() const { return begin_ < end_; }

 private:
  Link& link_;
  size_t begin_ = 0, end_ = 0;
  std::byte buffer_[64 << 10];
};

}  // namespace links
