#include "device/nvidia/budget.h"

namespace nvidia {

Budget& budget() {
  static auto* made = new Budget;
  return *made;
}

Charges& charges() {
  static auto* made = new Charges;
  return *made;
}

bool Budget::take(int device, uint64_t size) {
  std::lock_guard hold(lock_);
  uint64_t& used = used_[device];
  if (limit_ && (size > limit_ || used > limit_ - size)) return false;
  if (quota_ && !quota_->take(size)) return false;
  used += size;
  return true;
}

void Budget::give(int device, uint64_t size) {
  std::lock_guard hold(lock_);
  used_[device] -= size;
  if (quota_) quota_->give(size);
}

uint64_t Budget::used(int device) {
  std::lock_guard hold(lock_);
  return quota_ && quota_->shared() ? quota_->used() : used_[device];
}

void Charges::note(const void* object, const Charge& charge) {
  std::lock_guard hold(lock_);
  charges_[object] = charge;
}

void Charges::settle(const void* object) {
  std::lock_guard hold(lock_);
  auto found = charges_.find(object);
  if (found == charges_.end()) return;
  budget().give(found->second.device, found->second.size);
  charges_.erase(found);
}

void Charges::settle_all(CUcontext context) {
  std::lock_guard hold(lock_);
  std::erase_if(charges_, [&](const auto& entry) {
    const Charge& charge = entry.second;
    if (charge.context != context) return false;
    budget().give(charge.device, charge.size);
    return true;
  });
}

}  // namespace nvidia
