#include "device/nvidia/budget.h"

#include "device/nvidia/memory.h"

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
  return quota_ && quota_->shared() ? quota_->used() : used_[device] - on_loan_[device];
}

void Budget::leave_loan(int device, uint64_t size) {
  std::lock_guard hold(lock_);
  on_loan_[device] += size;
  if (quota_) quota_->leave_loan(size);
}

void Budget::use_loan(int device, uint64_t size) {
  std::lock_guard hold(lock_);
  on_loan_[device] -= size;
  if (quota_) quota_->use_loan(size);
}

void Budget::end_loan(int device, uint64_t size) {
  std::lock_guard hold(lock_);
  on_loan_[device] -= size;
  used_[device] -= size;
  if (quota_) quota_->end_loan(size);
}

uint64_t Budget::on_loan(int device) {
  std::lock_guard hold(lock_);
  return on_loan_[device];
}

bool take_patiently(int device, uint64_t size) {
  if (budget().take(device, size)) return true;
  memory().wait_for_frees();
  return budget().take(device, size) || (budget().wait_for(size) && budget().take(device, size));
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
