// Surfaces: loads, stores and reductions of texels in place (PTX ISA, "Surface Instructions").
#include <algorithm>
#include <bit>
#include <cmath>

#include "device/software/run/lanes.h"
#include "device/software/run/texture.h"
#include "device/software/run/texture_objects.h"

namespace software {
namespace {

struct Access {
  const Texture& surface;
  SurfaceAction action;
  TextureOperands& operands;
  const Image& image = surface.level[0];

  bool formatted() const {
    return action.what == SurfaceAction::store_formatted || action.what == SurfaceAction::reduce_formatted;
  }
  unsigned bytes() const {
    return action.what == SurfaceAction::store_formatted ? surface.bytes() : unsigned{action.bytes} * action.count;
  }
  bool has_layers() const { return action.geometry == Geometry::a1d || action.geometry == Geometry::a2d; }

  // The bytes that a lane accesses, or nullptr where they are beyond the edge.
  uint8_t* place(uint32_t lane) const {
    int64_t row = int64_t{image.width} * surface.bytes();
    int64_t x = static_cast<int32_t>(operands.coordinate[0][lane]), y = 0, z = 0;
    if (formatted()) x *= surface.bytes();
    if (action.geometry != Geometry::d1 && action.geometry != Geometry::a1d)
      y = static_cast<int32_t>(operands.coordinate[1][lane]);
    if (action.geometry == Geometry::d3) z = static_cast<int32_t>(operands.coordinate[2][lane]);
    if (has_layers()) z = operands.layer[lane];
    int64_t last_x = row - bytes(), last_y = int64_t{image.height} - 1, last_z = int64_t{image.depth} - 1;
    bool inside = x >= 0 && x <= last_x && y >= 0 && y <= last_y && z >= 0 && z <= last_z;
    if (!inside) {
      if (action.outside != SurfaceAction::clamp || last_x < 0) return nullptr;
      last_x -= last_x % bytes();
      x = std::clamp<int64_t>(x, 0, last_x), y = std::clamp<int64_t>(y, 0, last_y),
      z = std::clamp<int64_t>(z, 0, last_z);
    }
    return image.texels + z * static_cast<int64_t>(image.slice) + y * static_cast<int64_t>(image.pitch) + x;
  }

  void load(uint32_t lane, const uint8_t* from) const {
    for (unsigned i = 0; i < action.count; ++i) {
      uint64_t value = 0;
      if (from) std::memcpy(&value, from + i * action.bytes, action.bytes);
      operands.value[i][lane] = value;
    }
  }
  void store(uint32_t lane, uint8_t* to) const {
    for (unsigned i = 0; i < action.count; ++i)
      std::memcpy(to + i * action.bytes, &operands.value[i][lane], action.bytes);
  }
  void store_formatted(uint32_t lane, uint8_t* to) const {
    unsigned size = bytes_of(surface.channel);
    for (unsigned i = 0; i < surface.channels; ++i) {
      auto word = i < action.count ? static_cast<uint32_t>(operands.value[i][lane]) : 0;
      uint32_t value = encoded(word);
      std::memcpy(to + i * size, &value, size);
    }
  }
  uint32_t encoded(uint32_t word) const;
  void reduce(uint32_t lane, uint8_t* to) const;
};

uint32_t half_of(float value) {
  auto half = static_cast<_Float16>(value);
  uint16_t bits;
  std::memcpy(&bits, &half, sizeof bits);
  return bits;
}

uint32_t scaled(float value, float least, float largest) {
  float limited = value > least ? std::min(value, 1.0f) : least;  // not a number: the least
  return static_cast<uint32_t>(static_cast<int32_t>(std::lrintf(limited * largest)));
}

// PTX ISA, "sust.p": the source is a float for normalised and floating formats, otherwise an integer of its sign.
uint32_t Access::encoded(uint32_t word) const {
  auto whole = static_cast<int32_t>(word);
  bool norm = surface.normalised;
  switch (surface.channel) {
    case Channel::u8: return norm ? scaled(as_float(word), 0, 255) : std::min(word, 255u);
    case Channel::s8:
      return norm ? scaled(as_float(word), -1, 127) : static_cast<uint32_t>(std::clamp(whole, -128, 127));
    case Channel::u16: return norm ? scaled(as_float(word), 0, 65535) : std::min(word, 65535u);
    case Channel::s16:
      return norm ? scaled(as_float(word), -1, 32767) : static_cast<uint32_t>(std::clamp(whole, -32768, 32767));
    case Channel::f16: return half_of(as_float(word));
    default: return word;
  }
}

// Blocks on other threads may reduce the same texel: every step is atomic.
template <class T>
void reduce_as(SurfaceAction::Reduction reduction, T* to, T value) {
  T old = __atomic_load_n(to, __ATOMIC_RELAXED), next;
  do {
    switch (reduction) {
      case SurfaceAction::add: next = static_cast<T>(static_cast<uint64_t>(old) + static_cast<uint64_t>(value)); break;
      case SurfaceAction::smallest: next = std::min(old, value); break;
      case SurfaceAction::largest: next = std::max(old, value); break;
      case SurfaceAction::bits_and: next = old & value; break;
      default: next = old | value;
    }
  } while (!__atomic_compare_exchange_n(to, &old, next, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

void Access::reduce(uint32_t lane, uint8_t* to) const {
  uint64_t value = operands.value[0][lane];
  auto as = [&]<class T>(T narrow) { reduce_as(action.reduction, reinterpret_cast<T*>(to), narrow); };
  if (action.bytes == 8) return action.is_signed ? as(static_cast<int64_t>(value)) : as(value);
  action.is_signed ? as(static_cast<int32_t>(value)) : as(static_cast<uint32_t>(value));
}

bool run(const Access& access, uint32_t lanes) {
  for (uint32_t left = lanes; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(__builtin_ctz(left));
    uint8_t* place = access.place(lane);
    if (!place && access.action.outside == SurfaceAction::trap) return false;
    switch (access.action.what) {
      case SurfaceAction::load: access.load(lane, place); break;
      case SurfaceAction::store:
        if (place) access.store(lane, place);
        break;
      case SurfaceAction::store_formatted:
        if (place) access.store_formatted(lane, place);
        break;
      default:
        if (place) access.reduce(lane, place);
    }
  }
  return true;
}

}  // namespace
}  // namespace software

void outboard_surface(software::Warp* warp, uint32_t lanes, uint32_t action, uint64_t surface,
                      software::TextureOperands* operands) {
  using namespace software;
  if (!lanes) return;
  const Texture* found = texture_of(warp, surface, Texture::surface);
  auto what = std::bit_cast<SurfaceAction>(action);
  if (!run(Access{*found, what, *operands}, lanes)) surface_trap(warp, surface);
}
