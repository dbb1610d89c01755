#include "link/resumable.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "link/link.h"

namespace links {
namespace {

using namespace std::chrono_literals;

constexpr size_t largest_record = size_t{256} << 10;
constexpr size_t raw_size = size_t{64} << 10;
constexpr size_t worth_going_straight = size_t{16} << 10;  // bytes that go past the raw buffer
constexpr uint64_t acknowledge_after = Resumable::window / 8;
constexpr auto slice = 20ms;  // of a wait: a nudge that another waiter took is made good after it

}  // namespace

Resumable::Resumable(std::unique_ptr<Channel> channel, std::chrono::milliseconds grace, Meet reconnect)
    : grace_(grace),
      reconnect_(std::move(reconnect)),
      nudge_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      channel_(std::move(channel)),
      kept_(window),
      raw_(raw_size) {}

std::shared_ptr<Channel> Resumable::current() {
  std::lock_guard hold(state_lock_);
  return channel_;
}

void Resumable::nudge() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t done = ::write(nudge_.get(), &one, sizeof one);
}

void Resumable::broke(const Channel* which) {
  {
    std::lock_guard hold(state_lock_);
    if (channel_.get() != which) return;
    channel_.reset();
    broken_since_ = Clock::now();
  }
  nudge();
}

void Resumable::end(const std::string& reason) {
  {
    std::lock_guard hold(state_lock_);
    if (reason_.empty()) reason_ = reason;
  }
  ended_ = true;
  nudge();
}

std::string Resumable::reason() {
  std::lock_guard hold(state_lock_);
  return reason_;
}

// --- sending

void Resumable::keep(const void* bytes, size_t size) {
  const auto* from = static_cast<const std::byte*>(bytes);
  size_t at = (appended_ - origin_) % window, first = std::min(size, window - at);
  std::memcpy(kept_.data() + at, from, first);
  std::memcpy(kept_.data(), from + first, size - first);
  appended_ += size;
}

ssize_t Resumable::write_now(std::span<iovec> pieces) {
  std::lock_guard hold(out_lock_);
  if (ended_) return errno = EPIPE, -1;
  if (appended_ == acknowledged_) origin_ = appended_;  // the front of the memory is warm
  size_t room = window - (appended_ - acknowledged_), taken = 0;
  for (const iovec& piece : pieces) {
    size_t part = std::min(piece.iov_len, room - taken);
    keep(piece.iov_base, part);
    taken += part;
  }
  pump();
  if (taken || (after(pieces, 0).empty() && !unsent_)) return static_cast<ssize_t>(taken);
  return errno = EAGAIN, -1;
}

// False: there is nothing to send.
bool Resumable::begin_record() {
  size_t size = std::min<uint64_t>(appended_ - sent_, largest_record);
  bool tells = consumed_ - told_ >= acknowledge_after;
  if (!size && !tells && !farewell_) return false;
  Kind kind = size ? data : farewell_ ? leaving : acknowledgement;
  if (kind == leaving) farewell_ = false;
  head_ = {static_cast<uint32_t>(size), kind, consumed_};
  told_ = head_.consumed;
  head_left_ = sizeof head_;
  record_left_ = size;
  return true;
}

size_t Resumable::pieces_of_record(iovec (&pieces)[3]) {
  size_t at = (sent_ - origin_) % window, first = std::min(record_left_, window - at);
  pieces[0] = {reinterpret_cast<std::byte*>(&head_) + sizeof head_ - head_left_, head_left_};
  pieces[1] = {kept_.data() + at, first};
  pieces[2] = {kept_.data(), record_left_ - first};
  return 3;
}

void Resumable::pump() {
  std::shared_ptr<Channel> channel = current();
  while (channel && (head_left_ || record_left_ || begin_record())) {
    iovec pieces[3];
    size_t count = pieces_of_record(pieces);
    ssize_t done = channel->write_now(after({pieces, count}, 0));
    if (done < 0) {
      if (errno != EAGAIN && errno != EINTR) broke(channel.get());
      break;
    }
    size_t of_head = std::min(static_cast<size_t>(done), head_left_), of_data = static_cast<size_t>(done) - of_head;
    head_left_ -= of_head;
    record_left_ -= of_data;
    sent_ += of_data;
  }
  unsent_.store(sent_ != appended_ || head_left_ || record_left_, std::memory_order_release);
}

void Resumable::farewell() {
  if (!out_lock_.try_lock()) return;  // whoever sends at this moment loses its bytes anyway
  farewell_ = true;
  pump();
  out_lock_.unlock();
}

// --- receiving

bool Resumable::begin_reading(const Head& head) {
  bool known = head.kind == data || ((head.kind == acknowledgement || head.kind == leaving) && !head.size);
  if (!known || head.size > largest_record || head.consumed < acknowledged_ || head.consumed > appended_) {
    end("the peer broke the protocol");
    return false;
  }
  if (head.consumed != acknowledged_) {
    bool was_full = appended_ - acknowledged_ == window;
    acknowledged_ = head.consumed;
    if (was_full) nudge();
  }
  if (head.kind == leaving) end("the peer has left");
  incoming_left_ = head.size;
  return head.kind != leaving;
}

ssize_t Resumable::take(void* to, size_t room) {
  std::shared_ptr<Channel> channel = current();
  while (channel && !ended_) {
    bool straight = raw_begin_ == raw_end_ && incoming_left_ && room >= worth_going_straight;
    if (straight || raw_begin_ == raw_end_) {
      ssize_t got = straight ? channel->read_now(to, std::min(room, incoming_left_))
                             : channel->read_now(raw_.data(), raw_.size());
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return errno = EAGAIN, -1;
      if (got <= 0) {
        broke(channel.get());
        break;
      }
      if (straight) return incoming_left_ -= static_cast<size_t>(got), got;
      raw_begin_ = 0;
      raw_end_ = static_cast<size_t>(got);
    }
    if (incoming_left_) {
      size_t part = std::min({room, incoming_left_, raw_end_ - raw_begin_});
      std::memcpy(to, raw_.data() + raw_begin_, part);
      raw_begin_ += part;
      incoming_left_ -= part;
      return static_cast<ssize_t>(part);
    }
    size_t part = std::min(sizeof incoming_ - incoming_has_, raw_end_ - raw_begin_);
    std::memcpy(reinterpret_cast<std::byte*>(&incoming_) + incoming_has_, raw_.data() + raw_begin_, part);
    raw_begin_ += part;
    incoming_has_ += part;
    if (incoming_has_ < sizeof incoming_) continue;
    incoming_has_ = 0;
    if (!begin_reading(incoming_)) break;
  }
  return errno = EAGAIN, -1;
}

// An acknowledgement may lie behind data that nobody wants yet. The peer keeps the window, so this is bounded.
void Resumable::hold_what_is_there() {
  std::byte bytes[raw_size];
  for (ssize_t got; (got = take(bytes, sizeof bytes)) > 0;) {
    held_.insert(held_.end(), bytes, bytes + got);
    if (!holds_.exchange(true)) nudge();
    if (held_.size() - held_begin_ > window) return end("the peer broke the protocol");
  }
}

void Resumable::consume(size_t size) {
  consumed_ += size;
  if (consumed_ - told_ < acknowledge_after || !out_lock_.try_lock()) return;
  pump();
  out_lock_.unlock();
}

ssize_t Resumable::read_now(void* to, size_t room) {
  std::lock_guard hold(in_lock_);
  ssize_t got = -1;
  if (held_begin_ != held_.size()) {
    size_t part = std::min(room, held_.size() - held_begin_);
    std::memcpy(to, held_.data() + held_begin_, part);
    held_begin_ += part;
    if (held_begin_ == held_.size()) held_ = {}, held_begin_ = 0, holds_ = false;
    got = static_cast<ssize_t>(part);
  } else {
    got = take(to, room);
  }
  if (got > 0) return consume(static_cast<size_t>(got)), got;
  return ended_ ? 0 : (errno = EAGAIN, -1);
}

ssize_t Resumable::read_some(void* to, size_t room, bool) {
  for (;;) {
    ssize_t got = -1;
    if (patience_.look([&] { return (got = read_now(to, room)) >= 0 || !current(); }) && got >= 0) return got;
    wait(true, false, -1);
    got = read_now(to, room);
    if (got >= 0) return got;
  }
}

// --- waiting and returning

Ready Resumable::wait(bool reading, bool writing, int milliseconds) {
  auto until = milliseconds < 0 ? Clock::time_point::max() : Clock::now() + std::chrono::milliseconds(milliseconds);
  for (;;) {
    if (ended_) return {reading, writing};
    std::shared_ptr<Channel> channel = current();
    if (!channel) {
      if (!mend(until)) return {};
      continue;
    }
    if (writing && (reading || is_full()) && in_lock_.try_lock()) {
      hold_what_is_there();
      in_lock_.unlock();
      if (ended_) continue;
    }
    if (reading && (holds_ || has_read_ahead(*channel))) return {true, false};
    if (writing && !is_full() && flushed()) return {false, true};
    auto left = std::max<Clock::duration>(until - Clock::now(), 0ms);
    auto part = std::chrono::ceil<std::chrono::milliseconds>(std::min<Clock::duration>(left, slice));
    bool looks_in = reading || is_full();
    short events = static_cast<short>((looks_in ? POLLIN : 0) | (flushed() ? 0 : POLLOUT));
    pollfd both[] = {{channel->descriptor(), events, 0}, {nudge_.get(), POLLIN, 0}};
    int ready = poll(both, 2, static_cast<int>(part.count()));
    if (ready <= 0 && left <= slice && until != Clock::time_point::max()) return {};
    uint64_t nudges;
    if (both[1].revents) [[maybe_unused]]
      ssize_t drained = ::read(nudge_.get(), &nudges, sizeof nudges);
    if (both[0].revents & ~POLLIN) {
      std::lock_guard hold(out_lock_);
      pump();
    }
    // Perhaps only an acknowledgement, which the next attempt finds out.
    if (reading && !writing && both[0].revents & ~POLLOUT) return {true, false};
  }
}

// What came together with what was wanted shows in no poll.
bool Resumable::has_read_ahead(Channel& channel) {
  std::unique_lock hold(in_lock_, std::try_to_lock);
  return hold && (raw_begin_ != raw_end_ || channel.holds_bytes());
}

bool Resumable::replace(const Meet& meet, std::string& refused) {
  std::scoped_lock hold(in_lock_, out_lock_);
  {
    std::lock_guard state(state_lock_);
    channel_.reset();
    if (!broken_since_) broken_since_ = Clock::now();
  }
  auto back = meet(consumed_ + held_.size() - held_begin_, refused);
  if (!back) return false;
  if (back->received < acknowledged_ || back->received > appended_) return refused = "the peer lost count", false;
  raw_begin_ = raw_end_ = incoming_has_ = incoming_left_ = 0;
  sent_ = back->received;
  head_left_ = record_left_ = 0;
  told_ = 0;
  {
    std::lock_guard state(state_lock_);
    channel_ = std::move(back->channel);
    broken_since_.reset();
    hung_up_since_.reset();
  }
  pump();
  nudge();
  return true;
}

bool Resumable::resume(const Meet& meet) {
  std::lock_guard mending(mending_);
  std::string refused;
  bool good = !ended_ && replace(meet, refused);
  if (!refused.empty()) end(refused);
  return good;
}

// True: there is a connection again, or it is over.
bool Resumable::mend(Clock::time_point until) {
  for (auto pause = 5ms; Clock::now() < until; pause = std::min(pause * 2, std::chrono::milliseconds(500))) {
    {
      std::unique_lock mending(mending_, std::defer_lock);
      if (reconnect_) mending.lock();
      if (ended_ || current()) return true;
      std::string refused;
      if (reconnect_ && replace(reconnect_, refused)) return true;
      if (gone()) return true;
      if (!refused.empty()) return end(refused), true;
    }
    pollfd woken{nudge_.get(), POLLIN, 0};
    if (reconnect_)
      std::this_thread::sleep_for(pause);
    else
      poll(&woken, 1, static_cast<int>(slice.count()));
  }
  return false;
}

bool Resumable::gone() {
  if (ended_) return true;
  auto now = Clock::now();
  std::unique_lock hold(state_lock_);
  if (channel_) {  // nobody may be reading, so look whether the peer hung up
    pollfd look{channel_->descriptor(), POLLRDHUP, 0};
    if (poll(&look, 1, 0) <= 0) return hung_up_since_.reset(), false;
    if (!hung_up_since_) hung_up_since_ = now;
  }
  auto since = channel_ ? hung_up_since_ : broken_since_;
  if (!since || now - *since < grace_) return false;
  hold.unlock();
  end("the connection broke and did not come back within " +
      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(grace_).count()) + " s");
  return true;
}

}  // namespace links
