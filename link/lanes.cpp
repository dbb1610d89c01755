#include "link/lanes.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <thread>

#include "base/threads.h"

namespace links {
namespace {

constexpr size_t enough_to_send = size_t{384} << 10;  // so that a lane is busy while others are given something

}  // namespace

Lanes::Lanes(LaneOptions options, base::Fd changed)
    : options_(std::move(options)), changed_(std::move(changed)), slots_(options_.most) {}

// --- coming

bool Lanes::begin(size_t number, uint64_t& age) {
  std::lock_guard hold(lock_);
  if (!wanted_ || number < 1 || number > slots_.size()) return false;
  Slot& slot = slots_[number - 1];
  if (slot.lane || slot.coming) return false;
  age = age_;
  return slot.coming = true;
}

void Lanes::finish(size_t number, uint64_t age, std::unique_ptr<Channel> channel) {
  auto lane = channel ? std::make_shared<Lane>(std::move(channel)) : nullptr;
  {
    std::lock_guard hold(lock_);
    if (age != age_) return;  // the connection it belongs to is gone, and so is the lane
    slots_[number - 1] = {lane, false};
    count_ += lane != nullptr;
  }
  eventfd_write(changed_.get(), 1);
}

bool Lanes::join(size_t number, const std::function<std::unique_ptr<Channel>(Joining)>& greet) {
  uint64_t age = 0;
  if (!begin(number, age)) return greet(wanted_ ? Joining::not_now : Joining::never), false;
  auto channel = greet(Joining::welcome);
  const bool came = channel != nullptr;
  finish(number, age, std::move(channel));
  return came;
}

void Lanes::open_all() {
  for (size_t number = 1; number <= options_.most; ++number) {
    uint64_t age = 0;
    if (!begin(number, age)) continue;
    Joining answer = Joining::not_now;
    finish(number, age, options_.open(number, answer));
    if (answer == Joining::never) give_up();
  }
  bulk_ = 0;
  opening_ = false;
}

void Lanes::note_bulk(size_t size) {
  if (!options_.open || !wanted_ || count() == options_.most) return;
  if ((bulk_ += size) < options_.worth_opening || opening_.exchange(true)) return;
  base::quiet_thread([self = shared_from_this()] { self->open_all(); }).detach();
}

// --- in use

std::shared_ptr<Lane> Lanes::idle(size_t& number) {
  if (!count()) return nullptr;
  std::lock_guard hold(lock_);
  std::shared_ptr<Lane> best;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const auto& lane = slots_[i].lane;
    if (!lane || lane->broken() || lane->unsent() >= (best ? best->unsent() : enough_to_send)) continue;
    best = lane;
    number = i + 1;
  }
  return best;
}

std::shared_ptr<Lane> Lanes::find(size_t number, bool& coming) {
  std::lock_guard hold(lock_);
  coming = false;
  if (number < 1 || number > slots_.size()) return nullptr;
  coming = slots_[number - 1].coming;
  return slots_[number - 1].lane;
}

// --- going

bool Lanes::have_lost(uint64_t acknowledged) {
  if (!count()) return false;
  std::vector<std::shared_ptr<Lane>> gone;
  {
    std::lock_guard hold(lock_);
    for (Slot& slot : slots_) {
      if (!slot.lane || !slot.lane->broken()) continue;
      if (slot.lane->given_until() > acknowledged) return true;
      if (slot.lane->holds_bytes()) continue;
      gone.push_back(std::move(slot.lane));
      --count_;
    }
  }
  for (const auto& lane : gone) lane->end();
  return false;
}

bool Lanes::have_sent(uint64_t position, std::chrono::milliseconds patience) {
  if (!count()) return true;
  std::vector<std::shared_ptr<Lane>> lanes;
  {
    std::lock_guard hold(lock_);
    for (const Slot& slot : slots_)
      if (slot.lane) lanes.push_back(slot.lane);
  }
  return std::ranges::all_of(lanes, [&](const auto& lane) { return lane->has_sent(position, patience); });
}

void Lanes::drain(std::chrono::milliseconds most) {
  using namespace std::chrono_literals;
  auto sending = [this] {
    std::lock_guard hold(lock_);
    return std::ranges::any_of(
        slots_, [](const Slot& slot) { return slot.lane && !slot.lane->broken() && slot.lane->unsent(); });
  };
  for (auto waited = 0ms; waited < most && sending(); waited += 1ms) std::this_thread::sleep_for(1ms);
}

void Lanes::cut() {
  std::lock_guard hold(lock_);
  ++age_;
  count_ = 0;
  for (Slot& slot : slots_) {
    if (slot.lane) slot.lane->cut(), cut_.push_back(std::move(slot.lane));
    slot = {};
  }
}

void Lanes::end() {
  cut();
  std::vector<std::shared_ptr<Lane>> ending;
  {
    std::lock_guard hold(lock_);
    ending.swap(cut_);
  }
  for (const auto& lane : ending) lane->end();
}

}  // namespace links
