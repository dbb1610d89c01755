// The head of a request and of a reply, as they lie in a frame. Little-endian; every field after a head
// starts at a multiple of 8 bytes, with zeros between.
#pragma once
#include <cstddef>
#include <cstdint>

namespace wire {

struct CallHead {
  uint32_t opcode;   // api::opcode of the function's name
  uint32_t nulls;    // bit i: pointer parameter i is NULL, and nothing of it follows
  uint64_t context;  // number of the thread's current context, 0: none
};

struct ReplyHead {
  int32_t result;    // what the call answered
  int32_t pending;   // the first error of the one-way calls before it, 0: none
};

// Bulk data travels in pieces of at most 16 MiB; a module may be larger. Nothing legal exceeds this.
inline constexpr size_t max_request = size_t{1} << 30;
inline constexpr size_t max_reply = size_t{64} << 20;

}  // namespace wire
