// Memory for blocks and warps: mapped once, kept from launch to launch, with pages behind it that fault.
#pragma once
#include <cstddef>
#include <cstdint>

namespace software {

// Memory that is mapped once and grows when a launch needs more; a guard page follows it.
class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  // Aligned (a power of two up to a page), ending at the guard page but for that; nullptr: no room.
  uint8_t* get(size_t bytes, size_t alignment = 128);

 private:
  void drop();
  uint8_t* base_ = nullptr;
  size_t capacity_ = 0;
};

// Shared memory for several blocks, equally far apart; what lies between faults. Kept from cluster to cluster.
class ClusterArena {
 public:
  ClusterArena() = default;
  ~ClusterArena();
  ClusterArena(const ClusterArena&) = delete;
  ClusterArena& operator=(const ClusterArena&) = delete;
  // The first block's memory, aligned to a page; nullptr: no room. `pitch` is a multiple of the page size.
  uint8_t* get(size_t blocks, size_t bytes, size_t pitch);

 private:
  void drop();
  uint8_t* base_ = nullptr;
  size_t size_ = 0, blocks_ = 0, bytes_ = 0, pitch_ = 0;
};

}  // namespace software
