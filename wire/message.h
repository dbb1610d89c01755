// What lies in a frame, byte for byte (PROTOCOL.md). Little-endian; every field after a head starts at a
// multiple of 8 bytes, with zeros between, and the size of every frame's payload is a multiple of 8.
#pragma once
#include <cstddef>
#include <cstdint>

namespace wire {

enum class Kind : uint32_t {
  hello = 1,               // client: who it is and which versions it speaks
  welcome = 2,             // server: the version, what the device is; or why not
  call = 3,                // client: CallHead and parameters; a reply with the same number comes
  call_alone = 4,          // the same, and no other thread of the client sends before the reply
  post = 5,                // client: the same; no reply comes
  reply = 6,               // server: ReplyHead and outputs; number: the call's
  data = 7,                // server: the bytes of an announced transfer; number: the transfer's
  host_function = 8,       // server: run this callback; number: the callback's
  host_function_done = 9,  // client: it has run
  output = 10,             // server: bytes that the device's code printed; number: 1 stdout, 2 stderr
  memory = 11,   // client: right after the welcome; number 1: the shared memory is in use from here on, 0: it is not
  waiting = 12,  // server, before the welcome: the client is in the queue; number: its position, 1 is next
  reached = 13,  // server: a place that the client watches was reached, or failed; number: the watch's
  way = 14,  // client: right after a welcome with an offer; number 1: it goes on over that connection, 0: it stays here
  again = 15,  // client: a post that resembles an earlier one; number: which and where it differs (posts.h)
};

struct FrameHead {
  uint32_t size;  // bytes of payload, a multiple of 8
  Kind kind;
  uint64_t number;
};

struct CallHead {
  uint32_t opcode;   // api::opcode of the function's name
  uint32_t nulls;    // bit i: pointer parameter i is NULL, and nothing of it follows
  uint64_t context;  // number of the thread's current context, 0: none
};

struct ReplyHead {
  int32_t result;   // what the call answered
  int32_t pending;  // the first error of the one-way calls before it, 0: none
};

// Output and data frames: how many bytes of the payload count; those follow.
struct BytesHead {
  uint64_t size;
};

// Reached frames.
struct ReachedHead {
  int32_t result;  // of the query; not CUDA_SUCCESS: ask
  int32_t reserved;
};

// Versions of the protocol that this build speaks. A change of a row's roles or of anything here is a new one.
inline constexpr uint32_t oldest_version = 4, newest_version = 4;

// Bulk data travels in pieces of at most 16 MiB; a module may be larger. Nothing legal exceeds this.
inline constexpr size_t max_request = size_t{1} << 30;
inline constexpr size_t max_reply = size_t{64} << 20;
inline constexpr size_t max_hello = size_t{64} << 10;
inline constexpr size_t max_welcome = size_t{1} << 20;

// What a client asks for in its hello and a server grants in its welcome: the way bytes go from there on.
enum Wish : uint64_t {
  shared_memory = 1,  // rings in memory whose descriptors come with the welcome (unix sockets)
  resumable = 2,      // records that are kept until they are acknowledged, so that the connection may break
  // Of the server alone:
  queue = 4,     // wait for a place rather than be refused: frames `waiting` come before the welcome
  ask_only = 8,  // it leaves after the welcome, and takes nobody's place
  service = 16,  // what its hello names as purpose: after the welcome the bytes are that service's
  direct = 32,   // over pipes: an offer of a connection that leads around them (wire/offer.h)
};

constexpr size_t padded(size_t size) { return (size + 7) & ~size_t{7}; }

}  // namespace wire
