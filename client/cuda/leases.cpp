#include "client/cuda/leases.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "api/window.h"
#include "base/free_list.h"
#include "client/cuda/contexts.h"
#include "client/cuda/hold.h"
#include "client/cuda/pools.h"
#include "client/session.h"
#include "device/leases.h"

namespace client {
namespace {

constexpr uint64_t huge_page = uint64_t{2} << 20;
constexpr size_t most_changes = 256;  // before they are told

// Allocations lie in one piece each: the device may not take two neighbours for one.
struct Piece {
  uint64_t begin, size;
  base::FreeList free;

  bool holds(uint64_t address) const { return address - begin < size; }
};

struct Lease {
  std::vector<Piece> pieces = {};
  uint64_t budget = 0;
  bool shared = false, backed = false;
  std::vector<MemoryChange> changes = {};  // not told yet

  Piece* piece_of(uint64_t address) {
    auto found = std::ranges::find_if(pieces, [=](const Piece& piece) { return piece.holds(address); });
    return found == pieces.end() ? nullptr : &*found;
  }
  void add(uint64_t begin, uint64_t size) {
    if (!piece_of(begin))
      pieces.push_back({begin, size, base::FreeList(begin, begin + size)});  // else more budget for it
  }
  // 0: there is no place for it.
  uint64_t take(uint64_t room) {
    if (room > budget) return 0;
    for (Piece& piece : pieces) {
      const uint64_t found = piece.free.take(room, room >= huge_page ? huge_page : device::lease_granule);
      if (!found) continue;
      budget -= room;
      return found;
    }
    return 0;
  }
  void give(uint64_t address, uint64_t room) {
    piece_of(address)->free.give(address, address + room);
    budget += room;
  }
  // As the device does it at obLeaseSettle. False: everything is in use.
  bool settle() {
    if (!backed) return std::exchange(budget, 0) != 0;
    return std::erase_if(pieces, [this](Piece& piece) {
             const bool unused = piece.free.take_at(piece.begin, piece.size);
             if (unused) budget -= piece.size;
             return unused;
           }) != 0;
  }
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

bool is_allocation(const MemoryChange& change) { return change.size != 0 && change.size != freed_unused; }

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

std::atomic<uint64_t> settled{0};

// Of all leases, or of those whose memory others need. False: there was nothing to give back.
bool settle(bool all) {
  bool any = false;
  tell_all();
  for (auto& [context, lease] : leases().all) {
    if (!lease || !(all || lease->shared) || !lease->settle()) continue;
    in_context(*context, [] { return remote::obLeaseSettle(); });
    any = true;
  }
  if (any) settled.fetch_add(1);
  return any;
}

// Makes a place for `room` bytes; what other contexts have and do not use may be needed for it.
CUresult raise_budget(Context& context, std::optional<Lease>& lease, uint64_t room) {
  if (CUresult result = tell_all()) return result;
  LeaseAnswer answer{};
  CUresult result = remote::obLease(room, &answer);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && settle(true)) result = remote::obLease(room, &answer);
  if (result) return result;
  if (!lies_in_device_area(answer)) return CUDA_ERROR_UNKNOWN;
  if (!lease) lease.emplace();
  lease->shared = answer.terms & lease_shared;
  lease->backed = answer.terms & lease_backed;
  lease->add(answer.address, answer.size);
  lease->budget = answer.budget;
  std::copy(std::begin(answer.limits), std::end(answer.limits), context.limits.begin());
  return CUDA_SUCCESS;
}

uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

constexpr uint64_t lease_lasts_ns = 100'000'000;
std::atomic<uint64_t> return_at_ns{0};  // 0: nothing is to go back

void note_change(const Lease& lease) {
  memory_changed.store(true, std::memory_order_release);
  if (!lease.shared || return_at_ns.load(std::memory_order_relaxed)) return;
  return_at_ns = now_ns() + lease_lasts_ns;
  expect_sending();
}

}  // namespace

std::optional<CUresult> lease_memory(CUdeviceptr* address, size_t size) {
  if (in_process() || size > api::device_area_size) return std::nullopt;
  if (CUresult failure = context_failure()) return failure;
  Context& context = *current();
  const uint64_t room = room_of(size);
  Hold hold(leases().lock, holding);
  auto [at, fresh] = leases().all.try_emplace(&context);
  std::optional<Lease>& lease = at->second;
  if (!fresh && !lease) return std::nullopt;
  uint64_t found = lease ? lease->take(room) : 0;
  if (!found && (!lease || lease->backed || room > lease->budget)) {
    CUresult result = raise_budget(context, lease, room);
    if (result == CUDA_ERROR_NOT_SUPPORTED) return std::nullopt;
    if (result != CUDA_SUCCESS) {
      if (!lease) leases().all.erase(at);
      return result;
    }
    found = lease->take(room);
    if (!found && room > lease->budget) return CUDA_ERROR_UNKNOWN;  // a server that lends less than it says
  }
  if (!found) return std::nullopt;
  lease->changes.push_back({found, size});
  note_change(*lease);
  *address = found;
  return lease->changes.size() >= most_changes ? tell_all() : CUDA_SUCCESS;
}

bool return_memory(uint64_t address, size_t size, bool unused) {
  if (in_process()) return false;
  std::lock_guard hold(leases().lock);
  auto at =
      std::ranges::find_if(leases().all, [=](auto& entry) { return entry.second && entry.second->piece_of(address); });
  if (at == leases().all.end()) return false;
  Lease& lease = *at->second;
  // The device has not heard of it yet: it never will.
  auto untold = std::find_if(lease.changes.rbegin(), lease.changes.rend(),
                             [&](const MemoryChange& change) { return change.address == address; });
  if (untold != lease.changes.rend() && is_allocation(*untold))
    lease.changes.erase(std::next(untold).base());
  else
    lease.changes.push_back({address, unused ? freed_unused : 0});
  lease.give(address, room_of(size));
  note_change(lease);
  return true;
}

void forget_lease(const Context& context) {
  std::lock_guard hold(leases().lock);
  leases().all.erase(&context);
}

CUresult tell_memory_changes() {
  if (holding) return CUDA_SUCCESS;
  Hold hold(leases().lock, holding);
  return memory_changed.load(std::memory_order_acquire) ? tell_all() : CUDA_SUCCESS;
}

bool settle_leases() {
  if (holding) return false;
  const bool released = release_pool_memory();
  Hold hold(leases().lock, holding);
  return settle(true) || released;
}

uint64_t leases_settled() { return settled.load(); }

bool leases_are_due(bool quiet) {
  const uint64_t due = return_at_ns.load(std::memory_order_relaxed);
  return due && (quiet || now_ns() >= due);
}

// Whoever asks for memory meanwhile is not waited for: it may be waiting for what this thread sends.
void return_leases() {
  if (holding || !leases().lock.try_lock()) return;
  std::lock_guard adopted(leases().lock, std::adopt_lock);
  holding = true;
  return_at_ns = 0;
  settle(false);
  holding = false;
}

}  // namespace client
