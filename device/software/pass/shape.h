// How a register's value depends on the lane. A linear value is base + stride * column, where column counts the lanes
// of a row and every row of lanes has a base of its own; it is kept as its bases alone.
#pragma once
#include <cstdint>

#include "device/software/ptx/ast.h"

namespace software {

// How the threads of a block lie in warps, known when a kernel is compiled for a shape of block.
struct Grouping {
  unsigned columns = 32;  // lanes of a row: 32, 16 or 8
  bool threads = false;   // %tid.x is linear: a row of lanes lies in one row of the block
  bool whole = false;     // no warp has lanes without a thread
  unsigned lanes = 32;    // that one call of the code runs
  bool checked = false;   // the code asks before every access (run/watcher.h)
  unsigned rows() const { return lanes / columns; }
  bool operator==(const Grouping&) const = default;
};

struct Shape {
  enum Kind : uint8_t { unknown, uniform, linear, varying };
  Kind kind = unknown;
  int64_t stride = 0;
  // Added from the column on where the 32-bit value that was widened wraps round; each row has such a column.
  int64_t correction = 0;
  unsigned alignment = 1;  // of every base; a power of two

  bool operator==(const Shape&) const = default;
};

inline constexpr Shape uniform_shape{Shape::uniform, 0, 0, 1}, varying_shape{Shape::varying, 0, 0, 1};

// What a register holds that is written with both.
Shape join(const Shape& a, const Shape& b);

// The shape of a special register.
Shape shape_of(ptx::Special special, Grouping grouping);

// The result of an instruction with one register as result, from the shapes of operands[1...]; `sources` holds at least
// one linear shape and neither unknown nor varying ones.
Shape linear_result(const ptx::Instruction& instruction, const Shape* sources, Grouping grouping);

}  // namespace software
