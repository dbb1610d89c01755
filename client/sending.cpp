// What a connection sends goes through one queue, so that calls keep their order. One-way calls gather in it.
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "client/connection.h"
#include "client/cuda/leases.h"
#include "client/threads.h"
#include "client/trace.h"

namespace client {
namespace {

using wire::Kind;

constexpr unsigned flush_every_us = 200;
constexpr int idle_rounds = 50;  // of flush_every_us, before the flusher sleeps
constexpr std::byte zeros[8] = {};

}  // namespace

void Connection::append(const Row& row, Kind kind, uint64_t number, std::span<const api::Role> roles, Bulk* bulk) {
  size_t start = queue_.bytes().size();
  queue_.put(wire::FrameHead{0, kind, number});
  encode_request(queue_, row.opcode, current_context(), roles, bulk);
  size_t size = queue_.bytes().size() - start - sizeof(wire::FrameHead) + (bulk ? wire::padded(bulk->size) : 0);
  auto narrow = static_cast<uint32_t>(size);
  std::memcpy(queue_.bytes().data() + start, &narrow, sizeof narrow);
  if (kind == Kind::post && (!bulk || !bulk->size)) shorten(start);
}

// The post that begins there, if only some words of it need to be said.
void Connection::shorten(size_t start) {
  wire::Posts::Difference difference;
  if (!posts_.differ(queue_.bytes().subspan(start + sizeof(wire::FrameHead)), difference)) return;
  const size_t size = difference.count * sizeof difference.words[0];
  queue_.shrink(start);
  queue_.put(wire::FrameHead{static_cast<uint32_t>(size), Kind::again, difference.number});
  queue_.put(difference.words.data(), size);
}

// Sends what is queued, then one more frame whose bulk goes from where it lies. Order of locks: send, then queue.
bool Connection::send_now(const Row& row, Kind kind, uint64_t number, std::span<const api::Role> roles) {
  std::lock_guard sending(send_lock_);
  Bulk bulk;
  {
    std::lock_guard queue(queue_lock_);
    append(row, kind, number, roles, &bulk);
    std::swap(queue_, sending_);
  }
  std::span<std::byte> bytes = sending_.bytes();
  iovec pieces[] = {{bytes.data(), bytes.size()},
                    {const_cast<void*>(bulk.bytes), bulk.size},
                    {const_cast<std::byte*>(zeros), wire::padded(bulk.size) - bulk.size}};
  bool sent = write(pieces);
  sending_.clear();
  return sent;
}

void Connection::flush() {
  std::lock_guard sending(send_lock_);
  {
    std::lock_guard queue(queue_lock_);
    std::swap(queue_, sending_);
  }
  std::span<std::byte> bytes = sending_.bytes();
  iovec piece[] = {{bytes.data(), bytes.size()}};
  if (!bytes.empty()) write(piece);
  sending_.clear();
}

void Connection::leave() {
  say_waits(usable_ ? link_.channel().connections() : 0);
  if (!usable_.exchange(false) || broken_) return;
  link_.channel().farewell();
}

// The caller holds the sender's place. While the peer does not take bytes it may be waiting for us to take some.
bool Connection::write(std::span<iovec> pieces) {
  pieces = links::after(pieces, 0);
  while ((!pieces.empty() || !link_.channel().flushed()) && !broken_.load(std::memory_order_relaxed)) {
    ssize_t done = link_.write_some(pieces, false);
    if (done >= 0) {
      pieces = links::after(pieces, static_cast<size_t>(done));
    } else if (errno != EAGAIN) {
      lose("the server closed the connection");
    } else {
      drain_while_blocked();
    }
  }
  return pieces.empty();
}

void Connection::drain_while_blocked() {
  links::Channel& channel = link_.channel();
  for (int look = 0; look < 20; ++look) {  // a reader that keeps up makes room before we would be asleep
    sched_yield();
    if (channel.wait(false, true, 0).writing) return;
  }
  std::unique_lock state(state_lock_);
  if (!reading_)
    return read_for_all(state, [&] {
      if (channel.wait(true, true, 1000).reading) receive();
    });
  state.unlock();
  channel.wait(false, true, 1000);
}

// The first call after a pause goes out at once, so that the device starts; those that follow shortly go together.
void Connection::wake_flusher() {
  std::call_once(flusher_started_, [this] { start_thread([this] { run_flusher(); }); });
  if (!flusher_awake_.exchange(1)) syscall(SYS_futex, &flusher_awake_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  flush();
}

void Connection::expect_sending() {
  if (!flusher_awake_.load(std::memory_order_acquire)) wake_flusher();
}

void Connection::run_flusher() {
  call_for_others();
  for (int idle = 0; !broken_;) {
    if (leases_are_due(idle == idle_rounds)) {
      return_leases();
    } else if (idle == idle_rounds) {
      idle = 0;
      flusher_awake_.store(0, std::memory_order_release);
      while (!flusher_awake_) syscall(SYS_futex, &flusher_awake_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
    usleep(flush_every_us);
    bool empty;
    {
      std::lock_guard queue(queue_lock_);
      empty = queue_.bytes().empty();
    }
    idle = empty ? idle + 1 : 0;
    if (!empty) flush();
  }
}

}  // namespace client
