// Which compute capability is claimed towards whom, where the device leaves the choice to us.
#pragma once
#include <cstdint>

#include "api/cuda/device_facts.h"

namespace client {

struct Capability {
  int major, minor;
  uint32_t number() const { return static_cast<uint32_t>(major * 10 + minor); }  // 90 for 9.0: as fat binaries count
};

// `address` lies in the code that asks (a return address) or in the module image that is to be loaded.
Capability capability_towards(const void* address, const api::DeviceFacts& facts);

// The capability that a loaded file's fat binaries need (CC 9.0's 90, 130 ...), from the file itself; 0: it holds none.
// The file is a program or a shared library.
uint32_t capability_needed_by(const char* path);

}  // namespace client
