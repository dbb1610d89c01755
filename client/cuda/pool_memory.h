// The memory of a pool in one context: blocks of device memory, whose parts are handed out in the order of streams.
// What was freed in a stream may be used again in that stream at once, and elsewhere when the stream is known to have
// come so far (CUDA Driver API, "Stream Ordered Memory Allocator"). Nothing here waits, unless memory is out.
//
// Not thread-safe; its context is current.
#pragma once
#include <cstdint>
#include <map>

#include "api/cuda/abi.h"
#include "client/cuda/free_ranges.h"

namespace client {

class PoolMemory {
 public:
  // `stream` as resolve() gives it.
  CUresult take(uint64_t size, CUstream stream, CUdeviceptr& address);
  // In the order of the stream.
  void give(CUdeviceptr address, CUstream stream);
  // After all work that used it.
  void give_unused(CUdeviceptr address);
  // Releases what nobody uses, as long as more than `keep` bytes are reserved.
  void trim(uint64_t keep);
  void wait_for_work();  // until nothing that was freed is in use
  // The pool is gone, and all that was taken has been given: releases everything in its order.
  void end();

  bool idle() const { return taken_.empty(); }
  bool may_be_used() const { return !freed_.empty(); }  // something that was freed
  bool can_shrink() const { return !idle_.empty() || !freed_.empty(); }
  uint64_t used() const { return used_; }
  uint64_t reserved() const { return reserved_; }

 private:
  struct Taken {
    uint64_t size, room, block;
  };
  struct Freed {  // in a stream
    FreeRanges ranges;
    uint64_t work = 0;  // the number of the last work before the last of them was freed (client/session.h)
  };

  uint64_t take_free(uint64_t room, CUstream stream);
  FreeRange forget(std::map<uint64_t, Taken>::iterator at);
  void learn();  // what has become unused
  void ask();    // the same, by asking the device
  void give_unused(const FreeRange& range);
  CUresult reserve(uint64_t room, CUstream stream, CUdeviceptr& address);
  void release(uint64_t block, bool unused);

  std::map<uint64_t, Taken> taken_;      // by address
  std::map<uint64_t, uint64_t> blocks_;  // address and size
  std::map<uint64_t, uint64_t> idle_;    // blocks in which nothing is taken or queued
  uint64_t idle_bytes_ = 0, used_ = 0, reserved_ = 0;
  FreeRanges unused_;  // by nothing any more
  std::map<CUstream, Freed> freed_;
  uint64_t freed_bytes_ = 0, ask_from_ = first_question;
  static constexpr uint64_t first_question = uint64_t{64}
                                             << 20;  // bytes of which it is not known whether work uses them
};

}  // namespace client
