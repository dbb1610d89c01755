// A link: two descriptors that carry bytes both ways. A socket is both; `serve --stdio` has one for each way.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "base/fd.h"

namespace links {  // not `link`: POSIX has a function of that name

class Link {
 public:
  Link() = default;
  explicit Link(base::Fd socket);
  Link(base::Fd in, base::Fd out);

  int in() const { return in_.get(); }
  int out() const { return out_.valid() ? out_.get() : in_.get(); }

  // One write of what is there; at least 1 byte, or -1 with errno (EAGAIN when it would wait and `wait` is false).
  // Never raises SIGPIPE on sockets.
  ssize_t write_some(std::span<iovec> pieces, bool wait);
  // Everything, waiting as long as it takes. False: the peer is gone.
  bool write_all(std::span<iovec> pieces);
  // At least one byte, waiting; 0: the peer closed; -1 with errno. `wait_for_all`: preferably all that `room` holds,
  // with fewer system calls.
  ssize_t read_some(void* to, size_t room, bool wait_for_all = false);
  // What is there now; -1 with EAGAIN: nothing. Sockets only.
  ssize_t read_now(void* to, size_t room);
  bool is_socket() const { return socket_; }

 private:
  base::Fd in_, out_;  // out_ is empty where in_ serves both ways
  bool socket_ = false;
};

// Drops `done` bytes from the front of `pieces`.
std::span<iovec> after(std::span<iovec> pieces, size_t done);

// Reads whole things from a link, few system calls for small ones and no copy for large ones. Before it sleeps it looks
// for what may come at once: waking a sleeping thread costs more than a round trip.
class Input {
 public:
  explicit Input(Link& link) : link_(link) {}
  // Exactly `size` bytes; false: the peer closed or failed before.
  bool read(void* to, size_t size);
  // Bytes are here already: read() of a frame's head will not wait for its first byte.
  bool buffered() const { return begin_ != end_; }

 private:
  ssize_t read_some(void* to, size_t room, bool all);
  ssize_t look_for_a_while(void* to, size_t room);

  Link& link_;
  size_t begin_ = 0, end_ = 0;
  int looked_in_vain_ = 0;  // times in a row
  std::byte buffer_[64 << 10];
};

}  // namespace links
