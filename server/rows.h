// The dispatch table: every row of the tables that travels, by its opcode.
#pragma once
#include <cstdint>

#include "device/device.h"
#include "server/call.h"

namespace server {

struct Function {
  uint32_t opcode;
  const char* name;
  bool waits;
  void (*serve)(const device::Driver& driver, Call& call);
};

// nullptr: no such function travels.
const Function* find_function(uint32_t opcode);           // of the driver (cuda.def)
const Function* find_internal_function(uint32_t opcode);  // of the worker (internal.def)

}  // namespace server
