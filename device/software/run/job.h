// One launch while it runs: what its threads share.
#pragma once
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "api/cuda/abi.h"
#include "device/software/run/shares.h"
#include "device/software/run/warp.h"

namespace software {

class Heap;
class Watcher;

struct Job {
  Launch launch{};
  KernelEntry entry = nullptr;
  Heap* heap = nullptr;         // nullptr: malloc answers nullptr
  Watcher* watcher = nullptr;   // nullptr: nothing is checked
  const void* owner = nullptr;  // on whose behalf it runs: a context
  int priority = 0;             // of its stream; the lowest number goes first
  uint64_t blocks = 0;
  uint64_t chunk = 1;              // how many blocks a thread takes at a time; whole clusters
  bool cooperative = false;        // all blocks must be able to wait for each other
  uint32_t resident = 32;          // blocks that one thread may interleave when they wait for each other
  size_t stack_bytes = 256 << 10;  // of each warp
  size_t shared_alignment = 128;   // of a block's shared memory; a power of two up to a page

  // What cooperative groups' grid.sync() counts in (CUDA headers, cooperative_groups/details/driver_abi.h).
  struct GridWorkspace {
    uint32_t size = sizeof(GridWorkspace), barrier = 0;
  } workspace;

  Shares left;  // blocks that nobody took
  std::atomic<CUresult> error{CUDA_SUCCESS};

  // The first failure counts; `message` is for standard error.
  void fail(CUresult result, std::string message = {}) {
    std::lock_guard hold(lock);
    if (error.load() != CUDA_SUCCESS) return;
    complaint = std::move(message);
    error = result;
  }
  // Ends it wherever its threads are, as far as they are in the kernel's own code: to be repeated until it has ended.
  void cancel();
  bool failed() const { return error.load(std::memory_order_relaxed) != CUDA_SUCCESS; }

  std::mutex lock;
  std::vector<std::pair<uint64_t, std::string>> printed;  // block, what it printed
  std::string complaint;
  std::vector<pthread_t> runners;  // threads that run blocks of it

  // What a thread takes of so many blocks: fewer towards the end, so that none is idle while another has much to do.
  uint64_t portion(uint64_t left) const {
    const uint64_t whole = launch.cluster_blocks, fair = left / (4 * launch.processors) / whole * whole;
    return std::min(chunk, std::max(fair, whole));
  }

  // Ready to run again, as a graph's kernels do.
  void rewind() {
    workspace = {};
    error = CUDA_SUCCESS;
    complaint.clear();
  }
  // What the kernel printed, in the order of its blocks.
  std::string take_printed();
};

}  // namespace software
