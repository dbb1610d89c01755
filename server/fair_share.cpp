// Start-time fair queueing over moments of a few milliseconds: what was used is exact, so what one moment gave too much
// the next ones take back.
#include "server/fair_share.h"

#include <algorithm>
#include <cmath>

namespace server {
namespace {

constexpr uint64_t millisecond = 1'000'000;
constexpr uint64_t idle_after = 30 * millisecond;
constexpr double smoothing = 20.0 * millisecond;
// A session that waits for processors beside others' kernels gets the device alone for so long when its turn comes.
constexpr uint64_t hungry_for = 300 * millisecond;
constexpr double hungry_from = 0.15;  // of the time
// How far somebody may stay behind, in device time: one that could not have used more, and one that was held back.
constexpr double lag_by_choice = 50.0 * millisecond, lag = 2000.0 * millisecond;
constexpr uint64_t many_launches = 32;
constexpr double most_owed = 20.0 * millisecond;  // a session's figure comes in jumps (device/software/run/gate.cpp)
constexpr double least_charged = 0.125;           // of all that a session uses
constexpr double rarely = 0.2;                    // threads: who occupies less is not held up by others
constexpr double part_of_a_processor = 0.4;       // less than this is not worth a thread

}  // namespace

// Of kernels that are so short that many end in a moment; what long ones use is known before they end, and little is
// beside it. What a session says of itself is not believed beyond a measure.
double FairShare::charge(Member& member, double used) {
  const bool many = member.running == 0 || member.launches - member.seen_launches_ >= many_launches;
  if (!member.kernels_ns || !many) return used;
  const auto kernels = static_cast<double>(member.kernels_ns - std::min(member.kernels_ns, member.seen_kernels_ns_));
  const double charged = std::clamp(kernels + member.owed_, used * least_charged, used);
  member.owed_ = std::clamp(kernels + member.owed_ - charged, -most_owed, most_owed);
  return charged;
}

void FairShare::measure(Member& member, uint64_t now_ns, double passed) {
  if (!member.measured_) {
    member.seen_device_ns_ = member.device_ns;
    member.seen_kernels_ns_ = member.kernels_ns;
    member.seen_waited_ns_ = member.waited_ns;
    member.measured_ = true;
  }
  const uint32_t threads = member.running + member.held;
  const auto used = static_cast<double>(member.device_ns - std::min(member.device_ns, member.seen_device_ns_));
  const auto waited = static_cast<double>(member.waited_ns - std::min(member.waited_ns, member.seen_waited_ns_));
  member.virtual_time += charge(member, used) / std::max(member.weight, 0.01);
  member.occupancy_ += (threads - member.occupancy_) * std::min(1.0, passed / smoothing);
  member.runnable_ += ((used + waited) / passed - member.runnable_) * std::min(1.0, passed / smoothing);
  if (threads || member.launches != member.seen_launches_) member.busy_at_ = now_ns;
  if (waited > passed * hungry_from) member.hungry_at_ = now_ns;
  member.seen_device_ns_ = member.device_ns;
  member.seen_kernels_ns_ = member.kernels_ns;
  member.seen_waited_ns_ = member.waited_ns;
  member.seen_launches_ = member.launches;
}

// Who comes back from being idle starts where the last of the others is; nobody stays behind without limit.
void FairShare::start_together(std::span<Member* const> members) {
  double first = INFINITY, last = -INFINITY;
  for (const Member* member : members)
    if (member->active) {
      first = std::min(first, member->virtual_time);
      last = std::max(last, member->virtual_time);
    }
  for (Member* member : members) {
    const bool busy = member->busy_at_ && before_ - member->busy_at_ < idle_after;
    if (busy && !member->active && first < INFINITY) member->virtual_time = std::max(member->virtual_time, first);
    member->active = busy;
    const bool uses_all = member->occupancy_ > processors_ - part_of_a_processor;
    const bool held_back = uses_all || member->allowed != everything || before_ - member->hungry_at_ < hungry_for;
    if (busy && last > -INFINITY)
      member->virtual_time = std::max(member->virtual_time, last - (held_back ? lag : lag_by_choice) / member->weight);
  }
}

double FairShare::wants(const Member& member, uint64_t now_ns) const {
  const double demand = std::max(member.occupancy_, member.runnable_);
  if (member.hungry_at_ && now_ns - member.hungry_at_ < hungry_for && demand > rarely) return processors_;
  return std::max(demand, member.held ? double{1} * (member.running + member.held) : 0.0);
}

bool FairShare::decide(std::span<Member* const> members, uint64_t now_ns) {
  const double passed = static_cast<double>(before_ ? now_ns - before_ : millisecond);
  before_ = now_ns;
  for (Member* member : members) measure(*member, now_ns, passed);
  start_together(members);
  std::vector<Member*> active;
  for (Member* member : members) {
    if (member->active)
      active.push_back(member);
    else
      member->allowed = everything;
  }
  std::ranges::stable_sort(active, {}, &Member::virtual_time);
  double left = processors_;
  for (Member* member : active) {
    const auto most = static_cast<uint32_t>(std::max(0.0, std::ceil(left - part_of_a_processor)));
    member->allowed = most >= processors_ ? everything : most;
    left -= std::min<double>(wants(*member, now_ns), most);
  }
  return active.size() > 1;
}

}  // namespace server
