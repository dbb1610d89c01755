// The half of resumable.h that waits, and comes back after a break.
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <thread>

#include "link/resumable.h"

namespace links {
namespace {

using namespace std::chrono_literals;

constexpr auto slice = 20ms;  // of a wait: a nudge that another waiter took is made good after it

}  // namespace

Ready Resumable::wait(bool reading, bool writing, int milliseconds) {
  auto until = milliseconds < 0 ? Clock::time_point::max() : Clock::now() + std::chrono::milliseconds(milliseconds);
  for (;;) {
    if (ended_) return {reading, writing};
    std::shared_ptr<Channel> channel = current_if_whole();
    if (!channel) {
      if (!mend(until)) return {};
      continue;
    }
    if (writing && (reading || is_full()) && in_lock_.try_lock()) {
      hold_what_is_there();
      in_lock_.unlock();
      if (ended_) continue;
    }
    const Source source = next_source(*channel);
    if (reading && (holds_ || source.ready)) return {true, false};
    if (writing && !is_full() && flushed()) return {false, true};
    auto left = std::max<Clock::duration>(until - Clock::now(), 0ms);
    auto part = std::chrono::ceil<std::chrono::milliseconds>(std::min<Clock::duration>(left, slice));
    bool looks_in = reading || is_full();
    pollfd watched[] = {{looks_in ? source.descriptor : -1, POLLIN, 0},
                        {nudge_.get(), POLLIN, 0},
                        {flushed() ? -1 : channel->descriptor(), POLLOUT, 0}};
    int ready = poll(watched, 3, static_cast<int>(part.count()));
    if (ready <= 0 && left <= slice && until != Clock::time_point::max()) return {};
    eventfd_t nudges;
    if (watched[1].revents) eventfd_read(nudge_.get(), &nudges);
    if (watched[2].revents) {
      std::lock_guard hold(out_lock_);
      pump();
    }
    // Perhaps only an acknowledgement, which the next attempt finds out.
    if (reading && !writing && watched[0].revents) return {true, false};
  }
}

// What came together with what was wanted shows in no poll. What was waited for in vain is tried once more, which ends
// the waiting.
Resumable::Source Resumable::next_source(Channel& channel) {
  std::unique_lock hold(in_lock_, std::try_to_lock);
  if (!hold) return {nullptr, channel.descriptor(), false};
  if (!incoming_lane_) return {nullptr, channel.descriptor(), raw_begin_ != raw_end_ || channel.holds_bytes()};
  bool coming = false;
  auto lane = lanes_->find(incoming_lane_, coming);
  if (!lane) return {nullptr, -1, !coming};
  const bool ready = lane->holds_bytes() || lane->broken() || is_too_slow(*lane, channel);
  return {lane, lane->arrived(), ready};
}

bool Resumable::replace(const Meet& meet, std::string& refused) {
  std::scoped_lock hold(in_lock_, out_lock_);
  {
    std::lock_guard state(state_lock_);
    channel_.reset();
    if (!broken_since_) broken_since_ = Clock::now();
  }
  lanes_->end();  // from here on what is kept may change
  auto back = meet(consumed_ + held_.size() - held_begin_, refused);
  if (!back) return false;
  if (back->received < acknowledged_ || back->received > appended_) return refused = "the peer lost count", false;
  raw_begin_ = raw_end_ = incoming_has_ = incoming_left_ = incoming_lane_ = 0;
  lane_lags_ = false;
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

bool Resumable::join(size_t number, const std::function<std::unique_ptr<Channel>(Joining)>& greet) {
  if (ended_ || !current()) return greet(Joining::not_now), false;
  return lanes_->join(number, greet);
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
  current_if_whole();
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
