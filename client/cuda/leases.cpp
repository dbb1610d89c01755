#include "client/cuda/leases.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "api/window.h"
#include "base/free_list.h"
#include "client/cuda/contexts.h"
#include "client/session.h"
#include "device/leases.h"

namespace client {
namespace {

constexpr uint64_t huge_page = uint64_t{2} << 20;
constexpr size_t most_changes = 256;  // before they are told

struct Lease {
  base::FreeList free;
  uint64_t begin, end;
  uint64_t budget;
  std::vector<MemoryChange> changes = {};  // not told yet

  bool holds(uint64_t address) const { return address - begin < end - begin; }
};

struct Leases {
  std::mutex lock;
  std::map<const Context*, std::optional<Lease>> all;  // empty: the device lends nothing
};
Leases& leases() {
  static auto* made = new Leases;  // programs call the driver while they exit
  return *made;
}

uint64_t room_of(size_t size) {
  return (size + device::lease_granule - 1) / device::lease_granule * device::lease_granule;
}

// As a call of that context. Its error is of interest to the current one alone.
template <class Send>
CUresult in_context(const Context& context, Send send) {
  const uint64_t before = std::exchange(current_context(), context.number);
  CUresult result = send();
  current_context() = before;
  return before == context.number ? result : CUDA_SUCCESS;
}

// Holds the lock. What this thread sends meanwhile comes by here as all calls do, and must pass.
thread_local bool holding = false;
class Hold {
 public:
  Hold() { holding = true; }
  ~Hold() { holding = false; }

 private:
  std::lock_guard<std::mutex> lock_{leases().lock};
};

// The caller of these holds the lock. Only when all is on its way, others may send: memory_changed falls last.
CUresult tell(const Context& context, Lease& lease) {
  if (lease.changes.empty()) return CUDA_SUCCESS;
  const std::vector<MemoryChange> changes = std::exchange(lease.changes, {});
  return in_context(context, [&] { return remote::obMemoryChanges(changes.data(), changes.size()); });
}
CUresult tell_all() {
  CUresult first = CUDA_SUCCESS;
  for (auto& [context, lease] : leases().all) {
    CUresult result = lease ? tell(*context, *lease) : CUDA_SUCCESS;
    if (first == CUDA_SUCCESS) first = result;
  }
  memory_changed.store(false, std::memory_order_release);
  return first;
}

bool lies_in_device_area(const LeaseAnswer& answer) {
  const uint64_t begin = answer.address - api::window_base;
  return begin < api::device_area_size && answer.size <= api::device_area_size - begin;
}

// False: there was nothing to give back.
bool settle_all() {
  bool any = false;
  tell_all();
  for (auto& [context, lease] : leases().all) {
    if (!lease || !lease->budget) continue;
    lease->budget = 0;
    in_context(*context, [] { return remote::obLeaseSettle(); });
    any = true;
  }
  return any;
}

// Raises the budget to `room` bytes or more; what other contexts have and do not use may be needed for it.
CUresult raise_budget(Context& context, std::optional<Lease>& lease, uint64_t room) {
  if (CUresult result = tell_all()) return result;
  LeaseAnswer answer{};
  auto ask = [&] { return remote::obLease(room - (lease ? lease->budget : 0), &answer); };
  CUresult result = ask();
  if (result == CUDA_ERROR_OUT_OF_MEMORY && settle_all()) result = ask();
  if (result) return result;
  if (!lies_in_device_area(answer)) return CUDA_ERROR_UNKNOWN;
  if (!lease)
    lease.emplace(Lease{base::FreeList(answer.address, answer.address + answer.size), answer.address,
                        answer.address + answer.size, 0});
  lease->budget = answer.budget;
  std::copy(std::begin(answer.limits), std::end(answer.limits), context.limits.begin());
  return CUDA_SUCCESS;
}

}  // namespace

std::optional<CUresult> lease_memory(CUdeviceptr* address, size_t size) {
  if (in_process() || size > api::device_area_size) return std::nullopt;
  if (CUresult failure = context_failure()) return failure;
  Context& context = *current();
  const uint64_t room = room_of(size);
  Hold hold;
  auto [at, fresh] = leases().all.try_emplace(&context);
  std::optional<Lease>& lease = at->second;
  if (!fresh && !lease) return std::nullopt;
  if (!lease || room > lease->budget) {
    CUresult result = raise_budget(context, lease, room);
    if (result == CUDA_ERROR_NOT_SUPPORTED) return std::nullopt;
    if (result != CUDA_SUCCESS) {
      if (!lease) leases().all.erase(at);
      return result;
    }
  }
  if (room > lease->budget) return CUDA_ERROR_UNKNOWN;  // a server that lends less than it says
  const uint64_t found = lease->free.take(room, room >= huge_page ? huge_page : device::lease_granule);
  if (!found) return std::nullopt;
  lease->budget -= room;
  lease->changes.push_back({found, size});
  memory_changed.store(true, std::memory_order_release);
  *address = found;
  return lease->changes.size() >= most_changes ? tell_all() : CUDA_SUCCESS;
}

bool return_memory(uint64_t address, size_t size) {
  if (in_process()) return false;
  std::lock_guard hold(leases().lock);
  auto at = std::ranges::find_if(leases().all,
                                 [&](const auto& entry) { return entry.second && entry.second->holds(address); });
  if (at == leases().all.end()) return false;
  Lease& lease = *at->second;
  // The device has not heard of it yet: it never will.
  auto untold = std::find_if(lease.changes.rbegin(), lease.changes.rend(),
                             [&](const MemoryChange& change) { return change.address == address; });
  if (untold != lease.changes.rend() && untold->size)
    lease.changes.erase(std::next(untold).base());
  else
    lease.changes.push_back({address, 0});
  memory_changed.store(true, std::memory_order_release);
  lease.free.give(address, address + room_of(size));
  lease.budget += room_of(size);
  return true;
}

void forget_lease(const Context& context) {
  std::lock_guard hold(leases().lock);
  leases().all.erase(&context);
}

CUresult tell_memory_changes() {
  if (holding) return CUDA_SUCCESS;
  Hold hold;
  return memory_changed.load(std::memory_order_acquire) ? tell_all() : CUDA_SUCCESS;
}

bool settle_leases() {
  if (holding) return false;
  Hold hold;
  return settle_all();
}

}  // namespace client
