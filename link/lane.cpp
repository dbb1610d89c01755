#include "link/lane.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/threads.h"

namespace links {
namespace {

constexpr size_t judged_by = size_t{256} << 10;  // bytes whose waits are added up

}  // namespace

Lane::Lane(std::unique_ptr<Channel> channel)
    : channel_(std::move(channel)),
      arrived_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      bytes_(std::make_unique_for_overwrite<std::byte[]>(room)),
      sending_(base::quiet_thread([this] { send_all(); })),
      receiving_(base::quiet_thread([this] { receive_all(); })) {}

void Lane::tell() { eventfd_write(arrived_.get(), 1); }

void Lane::fail() {
  std::lock_guard hold(lock_);
  broken_.store(true, std::memory_order_release);
  more_to_send_.notify_all();
  more_room_.notify_all();
  sent_.notify_all();
  tell();
}

void Lane::cut() {
  shutdown(channel_->descriptor(), SHUT_RDWR);
  fail();
}

void Lane::end() {
  cut();
  if (sending_.joinable()) sending_.join();
  if (receiving_.joinable()) receiving_.join();
}

// --- sending

void Lane::give(std::span<const iovec> pieces, uint64_t until) {
  std::lock_guard hold(lock_);
  uint64_t at = until;
  for (const iovec& piece : pieces) at -= piece.iov_len;
  for (const iovec& piece : pieces) {
    at += piece.iov_len;
    unsent_ += piece.iov_len;
    if (piece.iov_len) to_send_.push_back({piece, at});
  }
  until_.store(until, std::memory_order_release);
  more_to_send_.notify_one();
}

void Lane::send_all() {
  std::unique_lock hold(lock_);
  for (;;) {
    more_to_send_.wait(hold, [this] { return broken_ || !to_send_.empty(); });
    if (broken_) return;
    iovec piece[] = {to_send_.front().bytes};
    writing_ = true;
    hold.unlock();
    ssize_t done = channel_->write_some(piece);
    hold.lock();
    writing_ = false;
    if (done >= 0) {
      const auto moved = static_cast<size_t>(done);
      to_send_.front().bytes = {static_cast<std::byte*>(piece[0].iov_base) + moved, piece[0].iov_len - moved};
      if (moved == piece[0].iov_len) to_send_.pop_front();
      unsent_ -= moved;
    }
    sent_.notify_all();
    if (done < 0) return hold.unlock(), fail();
  }
}

bool Lane::has_sent(uint64_t position, std::chrono::milliseconds patience) {
  std::unique_lock hold(lock_);
  return sent_.wait_for(hold, patience, [&] {
    if (to_send_.empty() || (broken_ && !writing_)) return true;
    return to_send_.front().until - to_send_.front().bytes.iov_len >= position;
  });
}

// --- receiving

void Lane::receive_all() {
  for (;;) {
    size_t free = 0;
    {
      std::unique_lock hold(lock_);
      more_room_.wait(hold, [this] { return broken_ || filled_ < room; });
      if (broken_) return;
      free = std::min(room - filled_, room - end_);
    }
    ssize_t got = channel_->read_some(bytes_.get() + end_, free, false);
    if (got <= 0) return fail();
    std::lock_guard hold(lock_);
    end_ = (end_ + static_cast<size_t>(got)) % room;
    filled_ += static_cast<size_t>(got);
    if (wanted_) tell();
    wanted_ = false;
  }
}

size_t Lane::take(void* to, size_t size) {
  const size_t part = std::min({size, filled_.load(std::memory_order_acquire), room - begin_});
  if (!part) {
    if (!vain_since_) vain_since_ = Clock::now();
    eventfd_t told;
    std::lock_guard hold(lock_);
    if (filled_ || broken_) return 0;  // just now: arrived() stays as it is, or the next look finds it
    wanted_ = true;
    eventfd_read(arrived_.get(), &told);
    return 0;
  }
  std::memcpy(to, bytes_.get() + begin_, part);
  begin_ = (begin_ + part) % room;
  if (vain_since_) waited_ += Clock::now() - *vain_since_, vain_since_.reset();
  if ((since_patient_ += part) >= judged_by) since_patient_ = 0, waited_ = {};
  std::lock_guard hold(lock_);
  if (filled_.fetch_sub(part) == room) more_room_.notify_one();
  return part;
}

std::chrono::nanoseconds Lane::waited() const {
  return waited_ + (vain_since_ ? Clock::now() - *vain_since_ : Clock::duration{});
}

}  // namespace links
