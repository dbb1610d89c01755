// Copies of tensor tiles (PTX ISA, "Tensors" and "cp.async.bulk.tensor"): row by row of the innermost dimension, in
// pieces of 16 bytes, which is what swizzling moves about.
#include "device/software/run/tensor_copy.h"

#include <algorithm>
#include <cstring>

#include "api/cuda/tensor_map.h"
#include "device/software/run/bulk_copy.h"
#include "device/software/run/code_map.h"
#include "device/software/run/reduction.h"
#include "device/software/run/watcher.h"

namespace software {
namespace {

using api::TensorMap;
using api::TensorSwizzle;

constexpr unsigned piece = 16;

// PTX ISA, "Swizzling Modes": which 16 (or 32, 64) bytes of a line of 128 change places follows from the line's number.
uint64_t swizzled(uint64_t address, TensorSwizzle mode) {
  uint64_t line = address >> 7;
  switch (mode) {
    case TensorSwizzle::b32: return address ^ (line & 1) << 4;
    case TensorSwizzle::b64: return address ^ (line & 3) << 4;
    case TensorSwizzle::b128: return address ^ (line & 7) << 4;
    case TensorSwizzle::b128_atom_32: return address ^ (line & 3) << 5;
    case TensorSwizzle::b128_atom_64: return address ^ (line & 1) << 6;
    default: return address;
  }
}

// The pattern of what lies outside: PTX only says that it is a special NaN.
void fill(uint8_t* to, unsigned bytes, const TensorMap& map) {
  std::memset(to, map.nan_fill ? 0xff : 0, bytes);
  if (!map.nan_fill) return;
  const unsigned size = api::bytes_of(map.type);
  for (unsigned i = 0; i + size <= bytes; i += size) {
    to[i + size - 1] = 0x7f;
    if (size == sizeof outside_tensor) std::memcpy(to + i, &outside_tensor, size);
  }
}

Element element_of(api::TensorType type) {
  using api::TensorType;
  switch (type) {
    case TensorType::s32: return Element::s32;
    case TensorType::u64: return Element::u64;
    case TensorType::s64: return Element::s64;
    case TensorType::f16: return Element::f16;
    case TensorType::bf16: return Element::bf16;
    case TensorType::f32:
    case TensorType::f32_ftz:
    case TensorType::tf32:
    case TensorType::tf32_ftz: return Element::f32;
    case TensorType::f64: return Element::f64;
    default: return Element::u32;
  }
}

class Copy {
 public:
  Copy(Warp& warp, const TensorCopy& what, uint64_t place)
      : warp_(warp), place_(place), what_(what), map_(*reinterpret_cast<const TensorMap*>(what.map)) {}

  const char* complaint() const {
    if (map_.magic != TensorMap::mark) return "no tensor map at the address that a tensor copy gives";
    for (unsigned i = 0; i < what_.rank; ++i)
      if (map_.steps[i] == 0 || (map_.channels == 0 && map_.box[i] == 0)) return "a tensor map with an empty box";
    if (map_.rank != what_.rank) return "a tensor copy of other dimensions than its tensor map";
    if ((map_.channels != 0) != (what_.im2col != 0)) return "a tensor copy in the other mode than its tensor map";
    return nullptr;
  }

  // Bytes in shared memory, those outside of the tensor included.
  uint32_t bytes() const {
    uint32_t count = inner() * api::bytes_of(map_.type);
    if (map_.channels) return count * map_.pixels;
    for (unsigned i = 1; i < map_.rank; ++i) count *= steps(i);
    return count;
  }

  void run(uint64_t shared) {
    shared_ = shared;
    if (map_.channels)
      walk_pixels();
    else
      walk_box();
  }

 private:
  uint32_t inner() const { return map_.channels ? map_.channels : map_.box[0]; }
  uint32_t steps(unsigned i) const { return (map_.box[i] + map_.steps[i] - 1u) / map_.steps[i]; }

  // Tile mode: every row of the box, the second dimension counting fastest.
  void walk_box() {
    uint32_t index[5] = {};
    for (;;) {
      int64_t at[5];
      for (unsigned i = 0; i < map_.rank; ++i) at[i] = int64_t{what_.at[i]} + int64_t{index[i]} * map_.steps[i];
      row(at);
      unsigned axis = 1;
      while (axis < map_.rank && ++index[axis] == steps(axis)) index[axis++] = 0;
      if (axis >= map_.rank) return;
    }
  }

  // im2col mode: so many pixels from the start on, width first, each axis within its bounding box, then the next image.
  void walk_pixels() {
    const unsigned axes = map_.rank - 2u;
    int64_t at[5];
    std::copy(what_.at, what_.at + 5, at);
    for (unsigned i = 0; i < map_.pixels; ++i) {
      int64_t shifted[5];
      std::copy(at, at + 5, shifted);
      for (unsigned k = 0; k < axes; ++k) shifted[k + 1] += what_.shift[k];
      row(shifted);
      unsigned k = 0;
      for (; k < axes; ++k) {
        at[k + 1] += map_.steps[k + 1];
        if (at[k + 1] <= int64_t{map_.last[k + 1]} + map_.upper[k]) break;
        at[k + 1] = map_.lower[k];
      }
      if (k == axes) ++at[map_.rank - 1];
    }
  }

  // One run along the innermost dimension from `at` on.
  void row(const int64_t (&at)[5]) {
    const unsigned size = api::bytes_of(map_.type);
    uint64_t place = map_.address;
    bool inside = true;
    for (unsigned i = 1; i < map_.rank; ++i) {
      inside = inside && at[i] >= 0 && at[i] <= map_.last[i];
      place += static_cast<uint64_t>(at[i]) * map_.strides[i - 1];
    }
    const uint32_t count = inner();
    const unsigned step = std::max(1u, piece / size);
    for (uint32_t k = 0; k < count; k += step) {
      int64_t first = at[0] + k, last = first + std::min(step, count - k) - 1;
      uint64_t here = place + static_cast<uint64_t>(first) * size;
      if (inside && first >= 0 && last <= map_.last[0]) {
        move(here, static_cast<unsigned>(last - first + 1) * size, true);
      } else {
        for (int64_t one = first; one <= last; ++one, here += size)
          move(here, size, inside && one >= 0 && one <= map_.last[0]);
      }
    }
  }

  void move(uint64_t global, unsigned bytes, bool inside) {
    auto* shared = reinterpret_cast<uint8_t*>(swizzled(shared_, map_.swizzle));
    auto* tensor = reinterpret_cast<uint8_t*>(global);
    shared_ += bytes;
    if (!may_move(reinterpret_cast<uint64_t>(shared), global, bytes, inside)) return;
    if (!what_.store) {
      if (inside)
        std::memcpy(shared, tensor, bytes);
      else
        fill(shared, bytes, map_);
    } else if (inside && what_.how) {
      reduce(reduction(what_of(what_.how), element_of(map_.type)), tensor, shared, bytes);
    } else if (inside) {
      std::memcpy(tensor, shared, bytes);
    }
  }

  bool may_move(uint64_t shared, uint64_t global, unsigned bytes, bool inside) {
    const uint32_t from = outboard_reads | outboard_whole_warp, to = outboard_writes | outboard_whole_warp;
    bool good = may_touch(warp_, 0, shared, bytes, what_.store ? from : to, place_);
    return good && (!inside || may_touch(warp_, 0, global, bytes, what_.store ? to : from, place_));
  }

  Warp& warp_;
  const uint64_t place_;
  const TensorCopy& what_;
  const TensorMap& map_;
  uint64_t shared_ = 0;
};

}  // namespace
}  // namespace software

extern "C" void outboard_tensor_copy(software::Warp* warp, const software::TensorCopy* what) {
  const uint64_t place = CALL_SITE;
  software::Copy copy(*warp, *what, place);
  if (const char* complaint = copy.complaint()) outboard_trap(warp, 0, complaint);
  software::each_block(*warp, what->shared, what->barrier, what->blocks, [&](uint64_t shared, uint64_t barrier) {
    copy.run(shared);
    if (!barrier) return;
    software::may_touch(*warp, 0, barrier, 8, outboard_reads | outboard_writes | outboard_strong, place);
    outboard_mbarrier_complete(warp, barrier, copy.bytes());
  });
}
