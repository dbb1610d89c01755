// Memory that several processes share a limit of (device/share.h).
#pragma once
#include "device/share.h"

namespace device {

class Quota {
 public:
  explicit Quota(const Tenancy& tenancy) : share_(tenancy.share), ledger_(tenancy.ledger), slot_(tenancy.slot) {}

  // False: less than that is left. Whoever takes writes first and looks then, so that two that take at once may both
  // be refused, but never both get the last bytes; they try again as long as others' words change.
  bool take(uint64_t size) {
    if (ledger_) {
      auto& mine = ledger_->used[slot_];
      for (uint64_t seen = UINT64_MAX;;) {
        mine += size;
        uint64_t sum = ledger_->sum();
        if (sum <= ledger_->limit) break;
        mine -= size;
        uint64_t others = ledger_->sum() - mine.load();
        if (others == seen) return false;
        seen = others;
      }
    }
    if (share_) share_->memory += size;
    return true;
  }
  void give(uint64_t size) {
    if (ledger_) ledger_->used[slot_] -= size;
    if (share_) share_->memory -= size;
  }
  // Of all sessions; nothing when this process has a limit of its own alone.
  bool shared() const { return ledger_ != nullptr; }
  uint64_t used() const { return ledger_->sum(); }

 private:
  Share* share_;
  MemoryLedger* ledger_;
  unsigned slot_;
};

}  // namespace device
