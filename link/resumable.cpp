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
constexpr size_t usual_record = largest_record - 16;  // so that head and data fill whole records of TLS
constexpr size_t kept_at_once = size_t{256} << 10;    // what is sent next should lie in the cache still
constexpr size_t raw_size = size_t{64} << 10;
constexpr size_t worth_going_straight = size_t{16} << 10;  // bytes that go past the raw buffer
constexpr size_t largest_elsewhere = size_t{512} << 10;
constexpr size_t worth_a_lane = size_t{64} << 10;  // bytes to send, or to receive
constexpr auto leaving_takes = 1000ms;             // at most, where lanes have not sent all
constexpr auto noticing_takes = 1000ms;            // at most, until a thread knows that its bytes have left
constexpr auto ending_takes = 1000ms;              // until what a peer sent last has come on a lane
constexpr uint64_t acknowledge_after = Resumable::window / 8;

}  // namespace

Resumable::Resumable(std::unique_ptr<Channel> channel, std::chrono::milliseconds grace, Meet reconnect,
                     LaneOptions lanes)
    : grace_(grace),
      reconnect_(std::move(reconnect)),
      nudge_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      lanes_(std::make_shared<Lanes>(std::move(lanes), base::Fd(dup(nudge_.get())))),
      channel_(std::move(channel)),
      kept_(window),
      raw_(raw_size) {}

Resumable::~Resumable() {
  lanes_->drain(leaving_takes);
  lanes_->end();
}

std::shared_ptr<Channel> Resumable::current() {
  std::lock_guard hold(state_lock_);
  return channel_;
}

// Nothing also where it has just turned out that a lane lost what it carried.
std::shared_ptr<Channel> Resumable::current_if_whole() {
  std::shared_ptr<Channel> channel = current();
  if (!channel || !lanes_->have_lost(acknowledged_)) return channel;
  broke(channel.get());
  return nullptr;
}

void Resumable::nudge() { eventfd_write(nudge_.get(), 1); }

void Resumable::broke(const Channel* which) {
  {
    std::lock_guard hold(state_lock_);
    if (channel_.get() != which) return;
    channel_.reset();
    broken_since_ = Clock::now();
  }
  lanes_->cut();
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

// Of what lies behind `done` bytes, as much as is worth keeping before it is sent; how much.
size_t Resumable::keep_some(std::span<const iovec> pieces, size_t done) {
  const size_t room = std::min(window - (appended_ - acknowledged_), kept_at_once);
  size_t kept = 0;
  for (const iovec& piece : pieces) {
    const size_t skip = std::min(done, piece.iov_len), part = std::min(piece.iov_len - skip, room - kept);
    keep(static_cast<const std::byte*>(piece.iov_base) + skip, part);
    done -= skip;
    kept += part;
  }
  return kept;
}

ssize_t Resumable::write_now(std::span<iovec> pieces) {
  std::lock_guard hold(out_lock_);
  if (ended_) return errno = EPIPE, -1;
  if (appended_ == acknowledged_) origin_ = appended_;  // the front of the memory is warm
  size_t taken = 0;
  for (size_t part = kept_at_once; part == kept_at_once;) {
    part = keep_some(pieces, taken);
    taken += part;
    if (part >= worth_a_lane) lanes_->note_bulk(part);
    pump();
    if (unsent_) break;
  }
  if (taken || (after(pieces, 0).empty() && !unsent_)) return static_cast<ssize_t>(taken);
  return errno = EAGAIN, -1;
}

std::array<iovec, 2> Resumable::stretch(size_t size) {
  size_t at = (sent_ - origin_) % window, first = std::min(size, window - at);
  return {{{kept_.data() + at, first}, {kept_.data(), size - first}}};
}

// False: there is nothing to send.
bool Resumable::begin_record() {
  const size_t pending = appended_ - sent_;
  bool tells = consumed_ - told_ >= acknowledge_after;
  if (!pending && !tells && !farewell_) return false;
  size_t number = 0;
  auto lane = pending >= worth_a_lane ? lanes_->idle(number) : nullptr;
  const size_t size = std::min(pending, lane ? largest_elsewhere : usual_record);
  const uint32_t kind = lane        ? elsewhere + static_cast<uint32_t>(number)
                        : size      ? data
                        : farewell_ ? leaving
                                    : acknowledgement;
  if (kind == leaving) farewell_ = false;
  head_ = {static_cast<uint32_t>(size), kind, consumed_};
  told_ = head_.consumed;
  head_left_ = sizeof head_;
  record_left_ = lane ? 0 : size;
  if (!lane) return true;
  lane->give(stretch(size), sent_ + size);
  sent_ += size;
  return true;
}

void Resumable::pump() {
  std::shared_ptr<Channel> channel = current_if_whole();
  while (channel && (head_left_ || record_left_ || begin_record())) {
    const auto [front, back] = stretch(record_left_);
    iovec pieces[] = {{reinterpret_cast<std::byte*>(&head_) + sizeof head_ - head_left_, head_left_}, front, back};
    ssize_t done = channel->write_now(after(pieces, 0));
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
  lanes_->drain(leaving_takes);
  farewell_ = true;
  pump();
  out_lock_.unlock();
}

// --- receiving

// What is acknowledged is overwritten, so none of it may still be read by whoever sends: a peer may have it a moment
// before that thread knows, or say so without having it.
bool Resumable::has_sent(uint64_t position) {
  if (position > sent_) {
    std::lock_guard hold(out_lock_);
    if (position > sent_) return false;
  }
  return lanes_->have_sent(position, noticing_takes);
}

bool Resumable::begin_reading(const Head& head) {
  const bool away = head.kind > elsewhere && head.kind - elsewhere <= lanes_->most();
  bool known = head.kind == data || away || ((head.kind == acknowledgement || head.kind == leaving) && !head.size);
  const bool acknowledges = head.consumed != acknowledged_;
  if (!known || head.size > (away ? largest_elsewhere : largest_record) || head.consumed < acknowledged_ ||
      (acknowledges && !has_sent(head.consumed))) {
    end("the peer broke the protocol");
    return false;
  }
  if (acknowledges) {
    bool was_full = appended_ - acknowledged_ == window;
    acknowledged_ = head.consumed;
    if (was_full) nudge();
  }
  if (head.kind == leaving) end("the peer has left");
  incoming_left_ = head.size;
  incoming_lane_ = away && head.size ? head.kind - elsewhere : 0;
  return head.kind != leaving;
}

// Where the first connection has ended, its lanes are about to.
bool Resumable::is_too_slow(const Lane& lane, const Channel& channel) const {
  const auto waited = lane.waited();
  if (waited < ending_takes) return false;
  pollfd look{channel.descriptor(), POLLRDHUP, 0};
  return waited > lanes_->patience() || poll(&look, 1, 0) > 0;
}

// The next bytes come on a lane.
ssize_t Resumable::take_elsewhere(const Channel& channel, void* to, size_t room) {
  bool coming = false;
  auto lane = lanes_->find(incoming_lane_, coming);
  const size_t got = lane ? lane->take(to, std::min(room, incoming_left_)) : 0;
  lane_lags_.store(!got, std::memory_order_relaxed);
  if (got) {
    incoming_left_ -= got;
    if (!incoming_left_) incoming_lane_ = 0;
    return static_cast<ssize_t>(got);
  }
  const bool too_slow = lane && is_too_slow(*lane, channel);
  if (too_slow && lane->waited() > lanes_->patience()) lanes_->give_up();
  if (too_slow || (lane ? lane->broken() && !lane->holds_bytes() : !coming)) broke(&channel);
  return errno = EAGAIN, -1;
}

ssize_t Resumable::take(void* to, size_t room) {
  std::shared_ptr<Channel> channel = current();
  while (channel && !ended_) {
    if (incoming_lane_) return take_elsewhere(*channel, to, room);
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
  if (size >= worth_a_lane / 4) lanes_->note_bulk(size);
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
    // Bulk from a lane needs the processor more than whoever looks for it.
    auto look = [&] { return (got = read_now(to, room)) >= 0 || lane_lags_ || !current(); };
    if (patience_.look(look) && got >= 0) return got;
    wait(true, false, -1);
    got = read_now(to, room);
    if (got >= 0) return got;
  }
}

}  // namespace links
