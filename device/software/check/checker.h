// Checks what kernels do with memory (`outboard run --check`): the watcher behind OUTBOARD_CHECK.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "api/checks.h"
#include "device/software/check/findings.h"
#include "device/software/check/global_races.h"
#include "device/software/check/places.h"
#include "device/software/check/written.h"
#include "device/software/run/watcher.h"

namespace software {

class CheckedBlock;

class Checker final : public Watcher {
 public:
  Checker(api::Checks checks, Memory& memory);

  // --- kernels (run/watcher.h)
  std::unique_ptr<BlockWatcher> watch_block() override;
  uint32_t access(Warp& warp, const Access& access) override;
  void meet(Warp& warp, uint32_t lanes) override;
  void fence(Warp& warp) override;
  void allocated(uint64_t address, uint64_t size) override;
  // The launch has: says what was not said yet.
  void ended(const Job& job);

  // --- the driver
  Places& places() { return places_; }
  void written(uint64_t address, uint64_t size);
  void copied(uint64_t to, uint64_t from, uint64_t size);
  // An address that a function of the driver was given: `function` would touch so many bytes there, and must not.
  void bad_range(const char* function, uint64_t address, uint64_t size);
  void bad_free(const char* function, uint64_t address);
  // Says what was not said yet, looks for leaks; how many errors there were.
  uint64_t finish();

 private:
  struct Lane;
  bool plain(const Access& access);
  bool allowed(Warp& warp, const Access& access, uint32_t lane, Lane& at);
  bool inside(Warp& warp, const Access& access, uint32_t lane, Lane& at);
  bool in_device_memory(Warp& warp, const Access& access, Lane& at);
  std::string outside(const Warp& warp, const Access& access, const Lane& at);
  void check_written(Warp& warp, const Access& access, uint32_t lane, const Lane& at);
  void check_order(Warp& warp, const Access& access, uint32_t lane, const Lane& at, uint64_t& passed);
  void check_races(Warp& warp, const Access& access, uint32_t lane, const Lane& at);
  std::optional<RaceFound> find_race(Warp& warp, const Access& access, uint32_t lane, const Lane& at);
  void say_race(Warp& warp, const Access& access, uint32_t lane, const Lane& at, const RaceFound& found);
  GlobalRaces* races_of(const Job& job);
  void complain(Warp& warp, const Access& access, uint32_t lane, uint32_t kind, const std::string& what,
                const std::function<std::string()>& more);

  const api::Checks checks_;
  Memory& memory_;
  Places places_;
  Findings findings_;
  std::unique_ptr<WrittenMemory> written_;  // nullptr: not asked for
  std::mutex launches_lock_;
  std::map<const Job*, std::unique_ptr<GlobalRaces>> launches_;  // that run
};

}  // namespace software
