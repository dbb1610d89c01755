// A socket, or two pipes, as a channel.
#pragma once
#include "base/fd.h"
#include "link/channel.h"
#include "link/patience.h"

namespace links {

class Descriptors final : public Channel {
 public:
  explicit Descriptors(base::Fd socket) : in_(std::move(socket)), socket_(true) {}
  Descriptors(base::Fd in, base::Fd out) : in_(std::move(in)), out_(std::move(out)) {}

  ssize_t write_now(std::span<iovec> pieces) override { return write(pieces, false); }
  ssize_t write_some(std::span<iovec> pieces) override { return write(pieces, true); }
  ssize_t read_now(void* to, size_t room) override;
  ssize_t read_some(void* to, size_t room, bool all) override;
  Ready wait(bool reading, bool writing, int milliseconds) override;
  int descriptor() const override { return in_.get(); }

  bool is_socket() const { return socket_; }
  base::Fd take() { return std::move(in_); }

 private:
  ssize_t write(std::span<iovec> pieces, bool wait);
  int out() const { return out_.valid() ? out_.get() : in_.get(); }

  base::Fd in_, out_;  // out_ is empty where in_ serves both ways
  bool socket_ = false;
  Patience patience_;
};

}  // namespace links
