// Memory that the client hands out itself (device/leases.h).
#include "server/cuda/worker.h"

namespace worker {
namespace {

CUresult make(const device::Leases& leases, const MemoryChange& change) {
  if (change.size == freed_unused) return leases.release(change.address);
  return change.size ? leases.allocate(change.address, change.size) : session().driver().cuMemFree_v2(change.address);
}

}  // namespace

CUresult obLease(uint64_t room, LeaseAnswer* answer) {
  const device::Leases* leases = session().leases();
  if (!leases) return CUDA_ERROR_NOT_SUPPORTED;
  if (!answer) return CUDA_ERROR_INVALID_VALUE;
  device::Lease lease;
  if (CUresult result = leases->lend(room, &lease)) return result;
  const uint64_t terms = (lease.shared ? lease_shared : 0) | (lease.backed ? lease_backed : 0);
  *answer = {lease.address, lease.size, lease.budget, terms, {}};
  for (size_t i = 0; i < limit_count; ++i) {
    size_t value = 0;
    bool known = session().driver().cuCtxGetLimit(&value, static_cast<CUlimit>(i)) == CUDA_SUCCESS;
    answer->limits[i] = known ? value : UINT64_MAX;
  }
  return CUDA_SUCCESS;
}

// The first error; what comes after it is done all the same.
CUresult obMemoryChanges(const MemoryChange* changes, size_t count) {
  const device::Leases* leases = session().leases();
  if (!leases) return CUDA_ERROR_NOT_SUPPORTED;
  CUresult first = CUDA_SUCCESS;
  for (size_t i = 0; i < count; ++i) {
    const CUresult result = make(*leases, changes[i]);
    if (first == CUDA_SUCCESS) first = result;
  }
  return first;
}

CUresult obLeaseSettle() {
  const device::Leases* leases = session().leases();
  return leases ? leases->settle() : CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace worker
