// A further connection of a session, for bulk: it carries bytes whose place in the session's stream the first
// connection tells (resumable.h). One thread of its own sends and one receives, so that connections encrypt side by
// side.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "base/fd.h"
#include "link/channel.h"

namespace links {

class Lane {
 public:
  static constexpr size_t room = size_t{1} << 20;  // bytes that are received before anybody wants them

  explicit Lane(std::unique_ptr<Channel> channel);
  ~Lane() { end(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Bytes to send, which stay where they are until that is done or the lane has ended; `until`: the place in the
  // stream behind them.
  void give(std::span<const iovec> pieces, uint64_t until);
  size_t unsent() const { return unsent_.load(std::memory_order_acquire); }
  // None of the bytes given before `position` of the stream is looked at any more; false: not within `patience`.
  bool has_sent(uint64_t position, std::chrono::milliseconds patience);
  uint64_t given_until() const { return until_.load(std::memory_order_acquire); }

  // Of what has come, in order. 0: nothing now; arrived() is readable once that changes. One thread at a time.
  size_t take(void* to, size_t size);
  int arrived() const { return arrived_.get(); }
  bool holds_bytes() const { return filled_.load(std::memory_order_acquire) != 0; }
  // How long the bytes that are wanted have been waited for; a trickle does not count as their coming.
  std::chrono::nanoseconds waited() const;

  // The connection is broken: what is there can still be taken.
  bool broken() const { return broken_.load(std::memory_order_acquire); }
  // Nothing moves any more; end() waits until none of the bytes given is looked at.
  void cut();
  void end();

 private:
  using Clock = std::chrono::steady_clock;

  void send_all();
  void receive_all();
  void fail();
  void tell();

  const std::unique_ptr<Channel> channel_;
  base::Fd arrived_;  // an eventfd
  std::atomic<bool> broken_{false};
  std::atomic<size_t> unsent_{0}, filled_{0};
  std::atomic<uint64_t> until_{0};

  struct Piece {
    iovec bytes;
    uint64_t until;  // the place in the stream behind them
  };
  std::mutex lock_;  // the next five
  std::condition_variable more_to_send_, more_room_, sent_;
  std::deque<Piece> to_send_;
  bool writing_ = false;
  size_t end_ = 0;       // of what has come, modulo room
  bool wanted_ = false;  // somebody looked in vain

  std::unique_ptr<std::byte[]> bytes_;
  size_t begin_ = 0;                             // the taker's
  std::optional<Clock::time_point> vain_since_;  // the taker's
  Clock::duration waited_{};                     // the taker's, for the bytes since the last `patient`
  size_t since_patient_ = 0;

  std::thread sending_, receiving_;
};

}  // namespace links
