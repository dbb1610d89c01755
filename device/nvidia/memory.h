// Device memory inside the address window. NVIDIA's driver would choose addresses by itself, which a client could not
// have; so the whole window is reserved, memory is made without addresses and mapped where we say (CUDA Driver API,
// "Virtual Memory Management").
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "api/cuda/abi.h"
#include "api/window.h"
#include "base/free_list.h"
#include "base/result.h"
#include "device/leases.h"

namespace nvidia {

struct Allocation {
  uint64_t address = 0, size = 0;  // size: as asked for
  CUcontext context = nullptr;
  int device = 0;
};

class Memory {
 public:
  // Once the driver is started. An error says why this driver cannot be served.
  base::Status open(int devices);

  CUresult allocate(uint64_t size, CUcontext context, int device, CUdeviceptr& address);
  // The allocation that holds the address.
  std::optional<Allocation> find(uint64_t address);
  // It is no longer the program's; its memory goes back when nothing on the device uses it any more: what was queued so
  // far in its context or, with an event, what the event waits for. False: no allocation starts there.
  bool free(uint64_t address, CUevent event = nullptr);
  // All that was freed has gone back.
  void wait_for_frees();
  // What a context leaves behind, once it is destroyed.
  void free_all(CUcontext context);

  // --- blocks that are lent to a context's client, which says itself what lies in them (leases.cpp)
  CUresult lend(uint64_t room, CUcontext context, int device, device::Lease& lease);
  // False: not a free place of the context's.
  bool allocate_at(uint64_t address, uint64_t size, CUcontext context);
  // `unused`: no work uses it any more. False: no allocation in a lent block starts there.
  bool leave(uint64_t address, bool unused);
  // Lent blocks in which nothing lies go back.
  void settle(CUcontext context);

  // --- addresses for the program's own mappings
  uint64_t reserve(uint64_t size, uint64_t alignment, uint64_t wanted);
  bool release(uint64_t address, uint64_t size);
  // All of it lies in one reservation of the program's.
  bool is_reserved(uint64_t address, uint64_t size);

  // From now on `reader` may use what lies on `owner`.
  CUresult let_use(int reader, int owner);

 private:
  static constexpr uint64_t small_limit = uint64_t{1} << 20;  // smaller ones share a block
  static constexpr uint64_t granule = 512;                    // cuMemAlloc promises at least 256

  struct Block {
    uint64_t address = 0, size = 0;
    CUmemGenericAllocationHandle handle = 0;
    int device = 0;
    bool on_loan = false;  // lent, and nothing lies there
  };
  // What is lent to the client of one context.
  struct LentBlock {
    Block block;
    base::FreeList free;
    size_t allocations = 0;
  };
  struct Lent {
    std::map<uint64_t, LentBlock> blocks;
    uint64_t budget = 0;
    std::vector<Allocation> left;  // by the program, but work that is queued may still use it
  };
  // The small allocations of one context.
  struct Heap {
    std::map<uint64_t, Block> blocks;
    base::FreeList free{0, 0};
  };
  struct Freed {
    Allocation allocation;
    CUevent event;
    std::optional<Block> block = {};  // that was lent, instead of the allocation
  };

  CUresult try_allocate(uint64_t size, CUcontext context, int device, CUdeviceptr& address);
  CUresult make_block(uint64_t size, int device, Block& block);
  CUresult map_block(Block& block);
  void destroy_block(const Block& block);
  CUresult give_access(uint64_t address, uint64_t size, int device);
  void give_back(const Allocation& allocation);
  CUresult lend_block(uint64_t size, int device, Block& block);
  LentBlock* lent_block(Lent& lent, uint64_t address, uint64_t room);
  void wait_for_work(CUcontext context, uint64_t address, uint64_t room);
  void reap_soon(const Freed& freed);
  void reap();

  std::mutex lock_;
  uint64_t granularity_ = 0;
  base::FreeList free_{api::window_base, api::window_base + api::device_area_size};
  std::map<uint64_t, Allocation> allocations_;
  std::map<uint64_t, Block> blocks_;  // of one allocation each
  std::map<CUcontext, Heap> heaps_;
  std::map<CUcontext, Lent> lent_;
  std::mutex waiting_for_work_;                // taken before the other
  std::map<uint64_t, uint64_t> reservations_;  // address and size
  std::multimap<int, int> readers_;            // by owner

  std::condition_variable freed_changed_;
  std::deque<Freed> freed_;
  size_t unfinished_ = 0;
  bool reaping_ = false;
  CUcontext reaping_of_ = nullptr;  // whose memory is waited for now
};

Memory& memory();

}  // namespace nvidia
