#include "link/memory.h"

#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <ctime>

namespace links {
namespace {

constexpr int eager_looks = 200;              // a few microseconds: as long as a peer that runs takes to answer
constexpr int slice_ms = 100;                 // of sleep, before a look whether the peer is still there
constexpr size_t at_once = size_t{64} << 10;  // bytes after which the peer may begin, while we go on
constexpr size_t worth_waking = Rings::size / 4;
constexpr size_t line = 64, next_message = 2 * line;  // that is fetched before it is written or read

Rings::Who other(Rings::Who who) { return who == Rings::client ? Rings::worker : Rings::client; }

}  // namespace

Memory::Memory(Rings rings, base::Fd socket, Rings::Who who)
    : rings_(std::move(rings)),
      socket_(std::move(socket)),
      own_(rings_.side(who)),
      peer_(rings_.side(other(who))),
      out_(rings_.bytes(who)),
      in_(rings_.bytes(other(who))) {}

ssize_t Memory::filled() const {
  uint64_t there = peer_.written.load(std::memory_order_acquire) - read_;
  return there <= Rings::size ? static_cast<ssize_t>(there) : -1;
}

ssize_t Memory::room() const {
  uint64_t under_way = written_ - peer_.read.load(std::memory_order_acquire);
  return under_way <= Rings::size ? static_cast<ssize_t>(Rings::size - under_way) : -1;
}

// The peer's position is in a cache line that it writes at every read: looking at it takes as long as a message.
ssize_t Memory::room_for(size_t wanted) {
  const size_t known = Rings::size - (written_ - peer_has_read_);
  if (known >= wanted) return static_cast<ssize_t>(known);
  const ssize_t now = room();
  if (now >= 0) peer_has_read_ = written_ - (Rings::size - static_cast<size_t>(now));
  return now;
}

void Memory::ring_bell() {
  if (peer_.sleepers.load(std::memory_order_seq_cst) == 0) return;
  peer_.bell.fetch_add(1, std::memory_order_seq_cst);
  syscall(SYS_futex, &peer_.bell, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void Memory::publish(uint64_t written) {
  written_ = written;
  own_.written.store(written, std::memory_order_seq_cst);
  ring_bell();
}

// A peer that waits for room is woken when there is some worth waking for, not for every few bytes.
void Memory::taken(uint64_t read) {
  bool much = read / worth_waking != read_ / worth_waking;
  read_ = read;
  own_.read.store(read, std::memory_order_seq_cst);
  if (much || filled() == 0) ring_bell();
}

ssize_t Memory::write_now(std::span<iovec> pieces) {
  size_t wanted = 1;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  ssize_t space = room_for(wanted);
  if (space < 0) return errno = EPROTO, -1;
  if (space == 0) return errno = peer_left() ? EPIPE : EAGAIN, -1;
  auto left = static_cast<size_t>(space);
  uint64_t at = written_;
  for (const iovec& piece : pieces) {
    for (size_t done = 0; done < piece.iov_len && left;) {
      size_t part = std::min({piece.iov_len - done, left, at_once});
      std::memcpy(out_ + at % Rings::size, static_cast<const std::byte*>(piece.iov_base) + done, part);
      at += part;
      done += part;
      left -= part;
      if (part == at_once) publish(at);
    }
  }
  auto moved = static_cast<ssize_t>(static_cast<size_t>(space) - left);
  if (at != written_) publish(at);
  for (size_t ahead = 0; ahead < next_message; ahead += line) __builtin_prefetch(out_ + (at + ahead) % Rings::size, 1);
  return moved;
}

ssize_t Memory::read_now(void* to, size_t room) {
  ssize_t there = filled();
  if (there < 0) return errno = EPROTO, -1;
  if (there == 0) return errno = EAGAIN, -1;
  size_t part = std::min({static_cast<size_t>(there), room, at_once});
  std::memcpy(to, in_ + read_ % Rings::size, part);
  taken(read_ + part);
  return static_cast<ssize_t>(part);
}

bool Memory::peer_left() const {
  char byte;
  ssize_t got = recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

// Sleeps until `attempt` is true, the peer is gone, or the time is over: false.
template <class Try>
bool Memory::wait_until(Try attempt, int milliseconds) {
  for (int waited = 0;; waited += slice_ms) {
    own_.sleepers.fetch_add(1, std::memory_order_seq_cst);
    uint32_t heard = own_.bell.load(std::memory_order_seq_cst);
    bool good = attempt();
    int slice = milliseconds < 0 ? slice_ms : std::min(slice_ms, milliseconds - waited);
    if (!good && slice > 0) {
      timespec time{0, slice * 1000000L};
      syscall(SYS_futex, &own_.bell, FUTEX_WAIT, heard, &time, nullptr, 0);
    }
    own_.sleepers.fetch_sub(1, std::memory_order_seq_cst);
    if (good || attempt()) return true;
    if (slice <= 0 || peer_left()) return false;
  }
}

Ready Memory::wait(bool reading, bool writing, int milliseconds) {
  auto look = [&] { return (reading && filled() != 0) || (writing && room() != 0); };
  bool good = look() || (milliseconds && wait_until(look, milliseconds));
  bool over = !good && milliseconds && peer_left();  // the next attempt says so
  return {reading && (over || filled() != 0), writing && (over || room() != 0)};
}

ssize_t Memory::write_some(std::span<iovec> pieces) {
  for (;;) {
    ssize_t done = write_now(pieces);
    if (done >= 0 || errno != EAGAIN) return done;
    auto look = [this] { return room() != 0; };
    if (!writing_.look(look, eager_looks) && !wait_until(look, -1)) return errno = EPIPE, -1;
  }
}

ssize_t Memory::read_some(void* to, size_t room, bool) {
  for (;;) {
    ssize_t got = read_now(to, room);
    if (got >= 0 || errno != EAGAIN) return got;
    auto look = [this] {
      __builtin_prefetch(in_ + read_ % Rings::size);  // comes together with the news that it is there
      return filled() != 0;
    };
    if (!reading_.look(look, eager_looks) && !wait_until(look, -1)) return 0;
  }
}

std::span<std::byte> Memory::view(size_t size) {
  if (size > Rings::size / 2) return {};
  auto look = [&] {
    ssize_t there = filled();
    return there < 0 || static_cast<size_t>(there) >= size;
  };
  if (!look() && !reading_.look(look, eager_looks) && !wait_until(look, -1)) return {};
  if (filled() < 0) return {};
  return {in_ + read_ % Rings::size, size};
}

void Memory::release(size_t size) { taken(read_ + size); }

}  // namespace links
