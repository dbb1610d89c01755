// How much of each GPU's memory this process may use: its own limit, and what it shares with the other sessions of its
// virtual GPU. Everything that takes memory asks here first.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "api/cuda/abi.h"
#include "device/quota.h"

namespace nvidia {

class Budget {
 public:
  // 0: all that the GPU has.
  void limit_to(uint64_t bytes) { limit_ = bytes; }
  void share(const device::Tenancy& tenancy) { quota_.emplace(tenancy); }
  uint64_t limit() const { return limit_; }

  // False: it would be too much.
  bool take(int device, uint64_t size) {
    std::lock_guard hold(lock_);
    uint64_t& used = used_[device];
    if (limit_ && (size > limit_ || used > limit_ - size)) return false;
    if (quota_ && !quota_->take(size)) return false;
    used += size;
    return true;
  }
  void give(int device, uint64_t size) {
    std::lock_guard hold(lock_);
    used_[device] -= size;
    if (quota_) quota_->give(size);
  }
  // By all that share the limit.
  uint64_t used(int device) {
    std::lock_guard hold(lock_);
    return quota_ && quota_->shared() ? quota_->used() : used_[device];
  }

 private:
  std::mutex lock_;
  uint64_t limit_ = 0;
  std::map<int, uint64_t> used_;
  std::optional<device::Quota> quota_;
};

Budget& budget();

// What was charged for an object, by its handle, until it is gone or its context is.
class Charges {
 public:
  void note(const void* object, CUcontext context, int device, uint64_t size);
  void settle(const void* object);
  void settle_all(CUcontext context);

 private:
  struct Charge {
    CUcontext context;
    int device;
    uint64_t size;
  };
  std::mutex lock_;
  std::map<const void*, Charge> charges_;
};
Charges& charges();

}  // namespace nvidia
