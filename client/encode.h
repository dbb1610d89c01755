// Turns a row's roles into the bytes of a request, and the bytes of a reply into what the roles point at.
#pragma once
#include <cstdint>
#include <span>

#include "api/cuda/abi.h"
#include "api/roles.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace client {

// The last bytes of a request when they are many: sent from where they lie, not copied into the message.
struct Bulk {
  const void* bytes = nullptr;
  size_t size = 0;
};
inline constexpr size_t bulk_from = 32 << 10;  // bytes

// Appends a request. New handles must already hold the numbers that the client picked. With `bulk`, a large last
// input is left to the caller, to be sent right behind the message and padded to a multiple of 8.
void encode_request(wire::Writer& writer, uint32_t opcode, uint64_t context, std::span<const api::Role> roles,
                    Bulk* bulk = nullptr);

// Fills in outputs; returns what the program is told. A reply that does not fit the roles comes from a broken
// or hostile server: CUDA_ERROR_UNKNOWN, and nothing is filled in.
CUresult decode_reply(std::span<std::byte> reply, std::span<const api::Role> roles);

}  // namespace client
