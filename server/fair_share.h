// Who may run kernels now: a weighted share of the device's time for each session, measured by what it used, and
// nothing lost as long as somebody has work. Knows no process and no clock: numbers in, numbers out.
//
// Each session has a virtual time, its device time divided by its weight. Device time is what kernels use: the rest of
// a session (reading calls, starting kernels) costs as much per kernel, but more while its kernels run than while they
// are held, so that of short kernels whoever is held more often would get too many. Whoever is furthest behind runs;
// the others get the processors that it leaves. A session that was idle starts with the time of those that were not: it
// saves nothing up.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace server {

class FairShare {
 public:
  static constexpr uint32_t everything = UINT32_MAX;

  struct Member {
    // What was measured, before each decision.
    double weight = 100;
    uint64_t device_ns = 0;          // used so far, by all that the session does
    uint64_t kernels_ns = 0;         // of that by kernels that have ended, as it says itself; not known of a GPU
    uint64_t waited_ns = 0;          // that its threads waited for a processor, so far
    uint64_t launches = 0;           // so far
    uint32_t running = 0, held = 0;  // threads, now

    uint32_t allowed = everything;  // the decision

    bool active = false;
    double virtual_time = 0;

   private:
    friend class FairShare;
    bool measured_ = false;
    uint64_t seen_device_ns_ = 0, seen_kernels_ns_ = 0, seen_waited_ns_ = 0, seen_launches_ = 0;
    uint64_t busy_at_ = 0, hungry_at_ = 0;
    // Threads, smoothed over some twenty milliseconds: in kernels, and on a processor or waiting for one.
    double occupancy_ = 0, runnable_ = 0;
    double owed_ = 0;  // nanoseconds of kernels, more or less than were charged
  };

  explicit FairShare(unsigned processors) : processors_(processors) {}

  // `now_ns` rises from call to call. True: somebody has to share, so that the next decision is due soon.
  bool decide(std::span<Member* const> members, uint64_t now_ns);

 private:
  void measure(Member& member, uint64_t now_ns, double passed);
  static double charge(Member& member, double used);
  void start_together(std::span<Member* const> active);
  double wants(const Member& member, uint64_t now_ns) const;

  const unsigned processors_;
  uint64_t before_ = 0;
};

}  // namespace server
