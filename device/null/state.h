// What the null device remembers: how much was allocated and where, and which kernels a module names.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/cuda/abi.h"
#include "api/window.h"
#include "base/free_list.h"
#include "device/leases.h"

namespace null_device {

// Addresses without memory behind them: the window's device area reads as zeros and takes nothing.
class Addresses {
 public:
  static constexpr uint64_t granule = device::lease_granule;

  explicit Addresses(uint64_t limit) : limit_(limit) {}
  bool open();  // false: the window is taken
  // 0: more than there is.
  uint64_t take(uint64_t size, uint64_t alignment = granule);
  bool give(uint64_t address);
  uint64_t limit() const { return limit_; }
  uint64_t used() const;
  // The allocation that holds the address; a size of 0: none.
  std::pair<uint64_t, uint64_t> find(uint64_t address) const;

  // --- leases (leases.cpp): as device::Leases has them, for a context
  CUresult lend(CUcontext context, uint64_t room, device::Lease& lease);
  CUresult take_at(CUcontext context, uint64_t address, uint64_t size);
  void settle(CUcontext context);

 private:
  static uint64_t room_of(uint64_t size) { return (size + granule - 1) / granule * granule; }
  uint64_t left() const { return limit_ - std::min(limit_, used_); }
  bool is_free(uint64_t address, uint64_t room) const;

  const uint64_t limit_;
  mutable std::mutex lock_;
  base::FreeList free_{api::window_base + granule, api::window_base + api::device_area_size};
  std::map<uint64_t, uint64_t> taken_;  // address and size
  std::map<CUcontext, device::Lease> lent_;
  uint64_t used_ = 0;
};
Addresses& addresses();

// Of the calling thread.
CUcontext& current_context();

// --- modules (modules.cpp)

struct Kernel {
  std::string name;
  std::vector<std::pair<uint32_t, uint32_t>> parameters;  // offset and size
};
struct Module {
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::map<std::string, std::pair<uint64_t, uint64_t>> variables;  // address and size
  ~Module();
};

// --- host functions (host_functions.cpp): they run one after the other on a thread of their own, because they talk to
// the client, whose answers another thread reads.
void run_later(CUhostFn function, void* data);
bool all_have_run();
void wait_for_all();

// A handle that nobody has had.
uint64_t new_number();
template <class Handle>
Handle numbered() {
  return reinterpret_cast<Handle>(new_number());
}

}  // namespace null_device
