// What is known of one block while its kernel is checked.
#pragma once
#include <functional>
#include <utility>

#include "api/checks.h"
#include "device/software/check/global_races.h"
#include "device/software/check/races.h"
#include "device/software/check/written.h"
#include "device/software/run/block.h"
#include "device/software/run/watcher.h"

namespace software {

class CheckedBlock final : public BlockWatcher {
 public:
  using Launches = std::function<GlobalRaces*(const Job&)>;

  CheckedBlock(api::Checks checks, Launches launches) : checks_(checks), launches_(std::move(launches)) {}

  void begin(const Block& block) override {
    const Launch& launch = block.job->launch;
    if (checks_.init) written.begin(launch.total_shared);
    if (!checks_.races) return;
    races.begin(launch.total_shared, launch.warps);
    global_races = launches_(*block.job);
    in_launch = {static_cast<uint32_t>(block.index + 1)};
  }
  void arrive(uint32_t barrier, uint32_t warp) override {
    if (!checks_.races) return;
    races.arrive(barrier, warp);
    if (barrier == Cluster::barrier) global_races->release(in_launch);
  }
  void complete(uint32_t barrier, bool with_exited) override {
    if (checks_.races) races.complete(barrier, with_exited);
  }
  void leave(uint32_t barrier, uint32_t warp) override {
    if (!checks_.races) return;
    races.leave(barrier, warp);
    if (barrier == Cluster::barrier) in_launch.acquiring = true;
  }
  void exit(uint32_t warp) override {
    if (checks_.races) races.exit(warp);
  }

  static CheckedBlock& of(const Block& block) { return static_cast<CheckedBlock&>(*block.watcher); }

  SharedRaces races;
  GlobalRaces* global_races = nullptr;
  GlobalRaces::Block in_launch;
  WrittenShared written;

 private:
  const api::Checks checks_;
  const Launches launches_;
};

}  // namespace software
