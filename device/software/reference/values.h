// Small helpers on bit patterns that every family uses.
#pragma once
#include <cstdint>

#include "device/software/ptx/ast.h"
#include "device/software/reference/number.h"

namespace reference {

inline unsigned width_of(ptx::Type type) { return type == ptx::Type::pred ? 1 : ptx::bits(type); }
inline uint64_t ones(unsigned width) { return width >= 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1; }
inline uint64_t cut(uint64_t value, unsigned width) { return value & ones(width); }
inline int64_t sign_extended(uint64_t value, unsigned width) {
  if (width >= 64) return static_cast<int64_t>(value);
  uint64_t sign = uint64_t{1} << (width - 1);
  return static_cast<int64_t>((cut(value, width) ^ sign) - sign);
}

// Two elements in one register: .f16x2, .bf16x2, .u16x2, .s16x2, .f32x2.
inline bool is_packed(ptx::Type type) {
  using ptx::Type;
  return type == Type::f16x2 || type == Type::bf16x2 || type == Type::u16x2 || type == Type::s16x2 ||
         type == Type::f32x2;
}
inline ptx::Type element_of(ptx::Type type) {
  using ptx::Type;
  switch (type) {
    case Type::f16x2: return Type::f16;
    case Type::bf16x2: return Type::bf16;
    case Type::u16x2: return Type::u16;
    case Type::s16x2: return Type::s16;
    case Type::f32x2: return Type::f32;
    default: return type;
  }
}

// .ftz: a subnormal number becomes a zero of its sign. Decided on bits, after rounding.
inline uint64_t flushed(uint64_t bits, Format format) {
  uint64_t sign = uint64_t{1} << (format.width() - 1);
  bool subnormal = (bits & (sign - 1)) >> format.fraction_bits == 0;
  return subnormal ? bits & sign : bits;
}

}  // namespace reference
