// Memory that several processes share a limit of (device/share.h).
#pragma once
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "device/share.h"

namespace device {

class Quota {
 public:
  explicit Quota(const Tenancy& tenancy) : share_(tenancy.share), ledger_(tenancy.ledger), slot_(tenancy.slot) {}

  // False: less than that is left.
  bool take(uint64_t size) {
    if (ledger_ && !reserve(size)) return false;
    if (share_) share_->memory += size;
    return true;
  }
  void give(uint64_t size) {
    if (ledger_) ledger_->used[slot_] -= size;
    if (share_) share_->memory -= size;
  }

  // --- what a client may allocate without asking: it counts as used from the start, so that nobody else gets it
  // False: less than that is left.
  bool lend(uint64_t size) {
    if (!ledger_) return true;
    ledger_->lent[slot_] += size;
    if (reserve(size)) return true;
    ledger_->lent[slot_] -= size;
    return false;
  }
  void end_loan(uint64_t size) {
    if (!ledger_) return;
    ledger_->used[slot_] -= size;
    ledger_->lent[slot_] -= size;
  }
  // Of what is lent, so much is in use now, or is not any more.
  void use_loan(uint64_t size) {
    if (ledger_) ledger_->lent[slot_] -= size;
    if (share_) share_->memory += size;
  }
  void leave_loan(uint64_t size) {
    if (ledger_) ledger_->lent[slot_] += size;
    if (share_) share_->memory -= size;
  }
  // Others wait for memory, or did just now.
  bool scarce() const { return ledger_ && now_ns() < ledger_->scarce_until_ns.load(); }
  // After a refusal: waits until others' clients have given back what they were lent and do not use, as they all do
  // soon. False: so much is not left all the same. No lock is to be held meanwhile.
  bool wait_for(uint64_t size) {
    if (!ledger_ || size > ledger_->limit) return false;
    for (uint64_t began = now_ns(), now = began; now - began < patience_ns; usleep(look_us), now = now_ns()) {
      ledger_->scarce_until_ns = now + scarce_ns;
      const bool lent = MemoryLedger::sum_of(ledger_->lent) > ledger_->lent[slot_].load();
      if (ledger_->sum() <= ledger_->limit - size) return true;
      if (!lent) return false;
    }
    return false;
  }

  // Of all sessions; nothing when this process has a limit of its own alone.
  bool shared() const { return ledger_ != nullptr; }
  uint64_t left() const { return ledger_->limit - std::min(ledger_->limit, ledger_->sum()); }
  // Without what is lent and not in use.
  uint64_t used() const {
    const uint64_t lent = MemoryLedger::sum_of(ledger_->lent), all = ledger_->sum();
    return all - std::min(all, lent);
  }

 private:
  // A client gives back within lease_lasts (client/cuda/leases.cpp), and its word travels.
  static constexpr uint64_t patience_ns = 500'000'000, scarce_ns = 1'000'000'000;
  static constexpr unsigned look_us = 500;

  static uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  }
  // Whoever takes writes first and looks then, so that two that take at once may both be refused, but never both get
  // the last bytes; they try again as long as others' words change.
  bool reserve(uint64_t size) {
    auto& mine = ledger_->used[slot_];
    for (uint64_t seen = UINT64_MAX;;) {
      mine += size;
      if (ledger_->sum() <= ledger_->limit) return true;
      mine -= size;
      uint64_t others = ledger_->sum() - mine.load();
      if (others == seen) return false;
      seen = others;
    }
  }

  Share* share_;
  MemoryLedger* ledger_;
  unsigned slot_;
};

}  // namespace device
