// How much of each GPU's memory this process may use: its own limit, and what it shares with the other sessions of its
// virtual GPU. Everything that takes memory asks here first. All is thread-safe but for what is set at the start.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "api/cuda/abi.h"
#include "device/nvidia/vendor.h"
#include "device/quota.h"

namespace nvidia {

// Sizes are in bytes.
class Budget {
 public:
  // At the start. 0: all that the GPU has.
  void limit_to(uint64_t bytes) { limit_ = bytes; }
  void share(const device::Tenancy& tenancy) { quota_.emplace(tenancy); }
  uint64_t limit() const { return limit_; }

  // False: it would be too much.
  bool take(int device, uint64_t size);
  void give(int device, uint64_t size);
  // Of what was taken, so much is lent to a client and not in use; it is in use again; it is given.
  void leave_loan(int device, uint64_t size);
  void use_loan(int device, uint64_t size);
  void end_loan(int device, uint64_t size);
  uint64_t on_loan(int device);
  bool shared() const { return quota_ && quota_->shared(); }
  // What others were lent is waited for (device/quota.h).
  bool wait_for(uint64_t size) { return quota_ && quota_->wait_for(size); }
  // By all that share the limit, without what is lent and not in use.
  uint64_t used(int device);

 private:
  std::mutex lock_;
  uint64_t limit_ = 0;
  std::map<int, uint64_t> used_, on_loan_;
  std::optional<device::Quota> quota_;
};
Budget& budget();
// As take(), but what was freed, and what others were lent, comes back first.
bool take_patiently(int device, uint64_t size);

struct Charge {
  CUcontext context;
  int device;
  uint64_t size;
};

// What was charged for an object, by its handle, until it is gone or its context is.
class Charges {
 public:
  void note(const void* object, const Charge& charge);
  void settle(const void* object);
  void settle_all(CUcontext context);

 private:
  std::mutex lock_;
  std::map<const void*, Charge> charges_;
};
Charges& charges();

// Calls make(), which stores a new handle of the current context, if the context's device has so many bytes left.
template <class Handle, class Make>
CUresult charged(Handle* handle, uint64_t bytes, Make make) {
  Charge charge{nullptr, 0, bytes};
  if (CUresult result = current_context(charge.context, charge.device)) return result;
  if (!take_patiently(charge.device, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  if (CUresult result = make()) return budget().give(charge.device, bytes), result;
  charges().note(*handle, charge);
  return CUDA_SUCCESS;
}

}  // namespace nvidia
