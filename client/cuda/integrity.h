// The answer to cudart's integrity check. What it is and why it is given: docs/legal.md.
#pragma once
#include <cstdint>

#include "api/cuda/abi.h"

namespace client {

// The addresses that go into the answer: of CUDART_INTERFACE, of the table that holds this function, and of slot 1.
struct IntegrityAddresses {
  const void* cudart_interface;
  const void* own_table;
  const void* own_function;
};

CUresult answer_integrity_check(const IntegrityAddresses& addresses, uint32_t version, uint64_t unix_seconds,
                                uint8_t result[16]);

}  // namespace client
