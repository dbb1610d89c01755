// Where the access of one lane goes.
#pragma once
#include <cstdint>

#include "device/software/check/block.h"
#include "device/software/check/checker.h"

namespace software {

struct Checker::Lane {
  enum Area : uint8_t { elsewhere, own_shared, other_shared, own_local, global };
  uint64_t address = 0, offset = 0;  // in shared memory, from its block's first byte
  Area area = elsewhere;
  bool tracked = false;
  CheckedBlock* block = nullptr;  // whose shared memory it is

  const char* named = nullptr;  // what the instruction calls the memory

  bool is_shared() const { return area == own_shared || area == other_shared; }
  const char* memory() const { return is_shared() ? "shared" : area == own_local ? "local" : "global"; }
  static Lane of(const Warp& warp, uint64_t address);
};

}  // namespace software
