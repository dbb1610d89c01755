// Whom the run time tells what kernels do while they are checked (device/software/check). Without a watcher none of
// this is called, and generated code does not ask.
#pragma once
#include <cstdint>
#include <memory>

#include "device/software/run/warp.h"

namespace software {

struct Block;

// The state space that an instruction names.
enum class AccessSpace : uint8_t { generic, global, shared, local, constant };

// What the lanes of a warp are about to do.
struct Access {
  uint64_t* addresses;    // by lane, or one for all of them
  uint32_t lanes;         // a mask
  uint64_t bytes;         // of each lane
  uint32_t how;           // warp.h: outboard_reads and its like
  const uint8_t* values;  // what a store writes, [elements of a lane][lanes]; nullptr: not known
  uint64_t place;         // in the kernel's machine code

  bool is(uint32_t bit) const { return how & bit; }
  AccessSpace space() const { return static_cast<AccessSpace>(how >> outboard_space_bits & 15); }
  uint32_t elements() const { return how >> outboard_element_bits & 255; }
  uint64_t& address(uint32_t lane) const { return addresses[is(outboard_one_address) ? 0 : lane]; }
};

// Of one block: when its warps meet. Barriers are numbered from 0; Cluster::barrier is the cluster's.
class BlockWatcher {
 public:
  virtual ~BlockWatcher() = default;
  virtual void begin(const Block& block) = 0;  // another block has begun in its place
  virtual void arrive(uint32_t barrier, uint32_t warp) = 0;
  virtual void complete(uint32_t barrier, bool with_exited) = 0;  // all that were expected have arrived
  virtual void leave(uint32_t barrier, uint32_t warp) = 0;
  virtual void exit(uint32_t warp) = 0;
};

class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual std::unique_ptr<BlockWatcher> watch_block() = 0;
  // Returns the lanes that may do it.
  virtual uint32_t access(Warp& warp, const Access& access) = 0;
  virtual void meet(Warp& warp, uint32_t lanes) = 0;            // bar.warp.sync
  virtual void fence(Warp& warp) = 0;                           // of the device or the system
  virtual void allocated(uint64_t address, uint64_t size) = 0;  // by the device's malloc
};

// May the lane touch these bytes? Always, where nobody watches.
bool may_touch(Warp& warp, uint32_t lane, uint64_t address, uint64_t bytes, uint32_t how, uint64_t place);

}  // namespace software
