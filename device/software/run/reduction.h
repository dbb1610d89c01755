// Reductions in memory, as cp.reduce.async.bulk, red.async and tensor copies do them (PTX ISA, "cp.reduce.async.bulk").
#pragma once
#include <cstddef>
#include <cstdint>

namespace software {

enum class Reduce : uint8_t { none, add, minimum, maximum, increment, decrement, and_, or_, xor_ };
enum class Element : uint8_t { u32, s32, u64, s64, b32, b64, f16, bf16, f32, f64 };

constexpr uint32_t reduction(Reduce what, Element type) {
  return static_cast<uint32_t>(what) | static_cast<uint32_t>(type) << 8;
}
constexpr Reduce what_of(uint32_t reduction) { return static_cast<Reduce>(reduction & 255); }
constexpr Element element_of(uint32_t reduction) { return static_cast<Element>(reduction >> 8); }
unsigned bytes_of(Element type);

// to[i] = to[i] op from[i], each element by itself atomically; `bytes` is a multiple of the element's size.
void reduce(uint32_t reduction, uint8_t* to, const uint8_t* from, size_t bytes);

}  // namespace software
