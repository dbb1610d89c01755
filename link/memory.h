// The link between two processes of one machine: bytes through rings in shared memory. The socket over which the
// memory was handed stays open and tells when the peer is gone.
#pragma once
#include "base/fd.h"
#include "link/channel.h"
#include "link/patience.h"
#include "link/rings.h"

namespace links {

class Memory final : public Channel {
 public:
  Memory(Rings rings, base::Fd socket, Rings::Who who);

  ssize_t write_now(std::span<iovec> pieces) override;
  ssize_t write_some(std::span<iovec> pieces) override;
  ssize_t read_now(void* to, size_t room) override;
  ssize_t read_some(void* to, size_t room, bool all) override;
  Ready wait(bool reading, bool writing, int milliseconds) override;
  bool wants_buffer() const override { return false; }
  std::span<std::byte> view(size_t size) override;
  void release(size_t size) override;
  int descriptor() const override { return socket_.get(); }

 private:
  // Bytes to read, room to write; -1: the peer's positions are impossible.
  ssize_t filled() const;
  ssize_t room() const;
  // At least `wanted`, if that is known without a look at what the peer writes; otherwise as room().
  ssize_t room_for(size_t wanted);
  void publish(uint64_t written);
  void taken(uint64_t read);
  void ring_bell();
  bool peer_left() const;
  template <class Try>
  bool wait_until(Try attempt, int milliseconds);

  Rings rings_;
  base::Fd socket_;
  RingSide &own_, &peer_;
  std::byte *out_, *in_;
  uint64_t written_ = 0, read_ = 0;  // ours; what lies in the shared memory is for the peer
  uint64_t peer_has_read_ = 0;       // of ours, when we last looked
  Patience reading_, writing_;
};

}  // namespace links
