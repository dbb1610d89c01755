// What is known of one block while its kernel is checked.
#pragma once
#include "api/checks.h"
#include "device/software/check/races.h"
#include "device/software/check/written.h"
#include "device/software/run/block.h"
#include "device/software/run/watcher.h"

namespace software {

class CheckedBlock final : public BlockWatcher {
 public:
  explicit CheckedBlock(api::Checks checks) : checks_(checks) {}

  void begin(uint32_t shared_bytes, uint32_t warps) override {
    if (checks_.init) written.begin(shared_bytes);
    if (checks_.races) races.begin(shared_bytes, warps);
  }
  void arrive(uint32_t barrier, uint32_t warp) override {
    if (checks_.races) races.arrive(barrier, warp);
  }
  void complete(uint32_t barrier, bool with_exited) override {
    if (checks_.races) races.complete(barrier, with_exited);
  }
  void leave(uint32_t barrier, uint32_t warp) override {
    if (checks_.races) races.leave(barrier, warp);
  }
  void exit(uint32_t warp) override {
    if (checks_.races) races.exit(warp);
  }

  static CheckedBlock& of(const Block& block) { return static_cast<CheckedBlock&>(*block.watcher); }

  SharedRaces races;
  WrittenShared written;

 private:
  const api::Checks checks_;
};

}  // namespace software
