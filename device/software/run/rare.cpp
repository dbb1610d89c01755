// Accesses lane by lane, which generated code calls where vector accesses do not do: because lanes are masked out and
// the processor has no masks, or because of addresses that hardly ever come.
#include <cstring>
#include <type_traits>

#include "device/software/run/warp.h"

using software::RareAccess;
using software::Warp;

namespace {

template <class Move>
void each_element(Warp* warp, const RareAccess& access, const Move& move) {
  for (uint32_t lane = 0; lane < access.lanes; ++lane) {
    uint64_t row = lane / access.columns, column = lane % access.columns;
    uint64_t address = access.base[row] + column * static_cast<uint64_t>(access.stride);
    if (column >= access.wrap[row]) address += static_cast<uint64_t>(access.correction);
    if (address % (access.bytes * access.vector)) outboard_misaligned(warp, lane, address);
    for (uint32_t i = 0; i < access.vector; ++i)
      move(reinterpret_cast<uint8_t*>(address + i * access.bytes),
           access.values + (i * access.lanes + lane) * access.bytes);
  }
}

// Calls move(lane, size) for the lanes of the mask; the size is a constant there.
template <class Move>
void each_lane(uint32_t mask, uint32_t bytes, const Move& move) {
  auto all = [&](auto size) {
    for (; mask; mask &= mask - 1) move(static_cast<uint32_t>(__builtin_ctz(mask)), size);
  };
  switch (bytes) {
    case 1: return all(std::integral_constant<size_t, 1>());
    case 2: return all(std::integral_constant<size_t, 2>());
    case 4: return all(std::integral_constant<size_t, 4>());
    default: return all(std::integral_constant<size_t, 8>());
  }
}

}  // namespace

extern "C" {

void outboard_gather(uint32_t mask, uint32_t bytes, const uint64_t* addresses, uint8_t* values) {
  each_lane(mask, bytes, [&](uint32_t lane, auto size) {
    std::memcpy(values + lane * size, reinterpret_cast<const void*>(addresses[lane]), size);
  });
}

void outboard_scatter(uint32_t mask, uint32_t bytes, const uint64_t* addresses, const uint8_t* values) {
  each_lane(mask, bytes, [&](uint32_t lane, auto size) {
    std::memcpy(reinterpret_cast<void*>(addresses[lane]), values + lane * size, size);
  });
}

void outboard_load_rarely(Warp* warp, const RareAccess* access) {
  each_element(warp, *access, [&](uint8_t* memory, uint8_t* value) { std::memcpy(value, memory, access->bytes); });
}

void outboard_store_rarely(Warp* warp, const RareAccess* access) {
  each_element(warp, *access, [&](uint8_t* memory, uint8_t* value) { std::memcpy(memory, value, access->bytes); });
}

}  // extern "C"
