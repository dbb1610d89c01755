// What the 128 bytes of a CUtensorMap hold, which CUDA leaves opaque: the client writes them, kernels get them as a
// parameter or in memory, and the software GPU reads them.
#pragma once
#include <cstdint>

namespace api {

// The values are those of the enumerations in cuda.h (CUDA Driver API, "Tensor Map Object Management").
enum class TensorType : uint8_t { u8, u16, u32, s32, u64, s64, f16, f32, f64, bf16, f32_ftz, tf32, tf32_ftz, count };
enum class TensorSwizzle : uint8_t { none, b32, b64, b128, b128_atom_32, b128_atom_32_flip_8, b128_atom_64, count };

constexpr unsigned bytes_of(TensorType type) {
  switch (type) {
    case TensorType::u8: return 1;
    case TensorType::u16:
    case TensorType::f16:
    case TensorType::bf16: return 2;
    case TensorType::u64:
    case TensorType::s64:
    case TensorType::f64: return 8;
    default: return 4;
  }
}

struct TensorMap {
  static constexpr uint32_t mark = 0x4d54424f;
  static constexpr unsigned most_rank = 5;

  uint64_t address;  // of element 0
  uint32_t magic;    // mark
  uint8_t rank;
  TensorType type;
  TensorSwizzle swizzle;
  uint8_t interleave;   // 0: none
  uint64_t strides[4];  // bytes from one index to the next, of dimensions 1 to 4
  uint32_t last[5];     // size of each dimension, less one
  uint16_t box[5];      // tile mode: indices that a box spans
  uint8_t steps[5];     // the element strides
  uint8_t nan_fill;     // what lies outside is NaN, else 0
  int16_t lower[3];     // im2col mode: corners of the box of pixels, width first
  int16_t upper[3];
  uint16_t channels;  // per pixel; 0: tile mode
  uint16_t pixels;    // per column
  uint8_t unused[24];
};
static_assert(sizeof(TensorMap) == 128);

}  // namespace api
