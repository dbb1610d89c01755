// tensormap.replace: one field of a tensor map in memory becomes another (PTX ISA, "tensormap.replace").
#include "api/cuda/tensor_map.h"
#include "device/software/run/tensor_copy.h"
#include "device/software/run/warp.h"

namespace {

using api::TensorMap;
using api::TensorSwizzle;
using api::TensorType;
using software::TensorField;

// PTX numbers the types in another order than cuda.h (PTX ISA, "tensormap.replace": ".elemtype").
constexpr TensorType types[] = {TensorType::u8,      TensorType::u16, TensorType::u32,  TensorType::s32,
                                TensorType::u64,     TensorType::s64, TensorType::f16,  TensorType::f32,
                                TensorType::f32_ftz, TensorType::f64, TensorType::bf16, TensorType::tf32,
                                TensorType::tf32_ftz};
constexpr TensorSwizzle atoms[] = {TensorSwizzle::b128, TensorSwizzle::b128_atom_32, TensorSwizzle::b128_atom_32_flip_8,
                                   TensorSwizzle::b128_atom_64};

bool replace_one(TensorMap& map, TensorField field, uint64_t value) {
  auto small = static_cast<uint8_t>(value);
  switch (field) {
    case TensorField::global_address: map.address = value; return value % 16 == 0;
    case TensorField::rank: map.rank = static_cast<uint8_t>(small + 1); return value < TensorMap::most_rank;
    case TensorField::element_type:
      if (value >= sizeof types) return false;
      map.type = types[value];
      return true;
    case TensorField::interleave: map.interleave = small; return value == 0;
    case TensorField::swizzle: map.swizzle = static_cast<TensorSwizzle>(small); return value <= 3;
    case TensorField::atomicity:
      if (value > 3 || value == 2) return false;
      map.swizzle = atoms[value];
      return true;
    case TensorField::fill: map.nan_fill = small; return value <= 1;
    default: return false;
  }
}

bool replace_dimension(TensorMap& map, TensorField field, uint32_t ordinal, uint64_t value) {
  switch (field) {
    case TensorField::box_dim: map.box[ordinal] = static_cast<uint16_t>(value); return value >= 1 && value <= 256;
    case TensorField::global_dim: map.last[ordinal] = static_cast<uint32_t>(value - 1); return value != 0;
    case TensorField::element_stride: map.steps[ordinal] = static_cast<uint8_t>(value); return value >= 1 && value <= 8;
    case TensorField::global_stride:
      if (ordinal >= 4) return false;
      map.strides[ordinal] = value;
      return value % 16 == 0;
    default: return false;
  }
}

}  // namespace

extern "C" void outboard_tensor_replace(software::Warp* warp, uint64_t address, uint32_t which, uint32_t ordinal,
                                        uint64_t value) {
  auto& map = *reinterpret_cast<TensorMap*>(address);
  auto field = static_cast<TensorField>(which);
  bool of_dimension = field == TensorField::box_dim || field == TensorField::global_dim ||
                      field == TensorField::global_stride || field == TensorField::element_stride;
  bool done = map.magic == TensorMap::mark && ordinal < TensorMap::most_rank &&
              (of_dimension ? replace_dimension(map, field, ordinal, value) : replace_one(map, field, value));
  if (!done) outboard_trap(warp, 0, "tensormap.replace of what is no tensor map, or by a value that is out of range");
}
