// What carries bytes both ways: a socket, two pipes, shared memory, an encrypted or a resumable connection.
//
// Bytes arrive whole and in order, or the channel ends. One thread may read while another writes.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>

namespace links {

struct Ready {
  bool reading = false, writing = false;
};

class Channel {
 public:
  virtual ~Channel() = default;

  // At least one byte, or -1 with errno; EAGAIN: it would have to wait.
  virtual ssize_t write_now(std::span<iovec> pieces) = 0;
  // At least one byte; 0: the peer closed; -1 with errno, EAGAIN: nothing is there.
  virtual ssize_t read_now(void* to, size_t room) = 0;
  // Until one of what is asked for can be tried, or the time is over; negative: no limit.
  virtual Ready wait(bool reading, bool writing, int milliseconds) = 0;

  // The same as the first two, waiting. `all`: preferably all that `room` holds, with fewer system calls.
  virtual ssize_t write_some(std::span<iovec> pieces);
  virtual ssize_t read_some(void* to, size_t room, bool all);

  // False: small reads are cheap, nobody needs to gather them.
  virtual bool wants_buffer() const { return true; }
  // True: what was written has left, or leaves without further help (wait() for writing and write_now() of nothing).
  virtual bool flushed() { return true; }
  // The next `size` bytes where they lie, once all are there; empty where the channel cannot do that. The peer may
  // still change them. They are good until release(), before which nothing may be read.
  virtual std::span<std::byte> view(size_t) { return {}; }
  virtual void release(size_t) {}
  // True: bytes may have come that a poll of descriptor() does not show.
  virtual bool holds_bytes() { return false; }
  // A descriptor whose hang-up is the end of the peer; -1: gone() tells.
  virtual int descriptor() const = 0;
  // We leave for good.
  virtual void farewell() {}
  // Why it is over, where it is known; empty otherwise.
  virtual std::string reason() { return {}; }
  // The peer has left for good; asked now and then while nobody reads.
  virtual bool gone() { return false; }
  // How many connections it has at the moment.
  virtual size_t connections() { return 1; }
};

}  // namespace links
