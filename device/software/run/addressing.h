// From coordinates to texels along one axis (CUDA C++ Programming Guide, "Texture Fetching" and "Texture Object API"
// on addressing modes).
#pragma once
#include "device/software/run/lanes.h"
#include "device/software/run/texture.h"

namespace software {

// The texels to the left and right of a place, and how far it is to the right one.
struct Axis {
  Lanes<int32_t> low, high;  // -1: outside
  Lanes<float> weight;       // of the right one
  bool linear;
  bool outside;  // may some be -1?
};

// Nobody's texel from here on, and integers are still exact.
constexpr float far_away = 0x1p23f;

// The texel that an index beyond the edges means, by counting; for any index.
inline int32_t counted(AddressMode mode, int32_t size, int32_t index) {
  if (mode != AddressMode::wrap && mode != AddressMode::mirror) return limited(index, 0, size - 1);
  int32_t period = mode == AddressMode::mirror ? 2 * size : size;
  int32_t rest = index % period;
  rest = rest < 0 ? rest + period : rest;
  return rest < size ? rest : period - 1 - rest;
}

// `folded`: coordinates lay within the image, so that an index is at most one off on either side.
inline void place_index(AddressMode mode, int32_t size, bool folded, Lanes<int32_t>& index) {
  if (mode == AddressMode::border)
    each_lane([&](unsigned lane) { index[lane] = index[lane] < 0 || index[lane] >= size ? -1 : index[lane]; });
  else if (!folded)
    each_lane([&](unsigned lane) { index[lane] = counted(mode, size, index[lane]); });
  else if (mode == AddressMode::wrap)
    each_lane([&](unsigned lane) {
      int32_t i = index[lane];
      i = i < 0 ? size - 1 : i;
      index[lane] = i >= size ? 0 : i;
    });
  else
    each_lane([&](unsigned lane) { index[lane] = limited(index[lane], 0, size - 1); });
}

// Wrapped or mirrored into [0, 1].
inline void fold(AddressMode mode, Lanes<float>& x) {
  if (mode == AddressMode::wrap || mode == AddressMode::mirror) {
    bool mirror = mode == AddressMode::mirror;
    each_lane([&](unsigned lane) {
      float value = limited(x[lane], -far_away, far_away);
      int32_t whole = floor_of(value);
      float part = value - static_cast<float>(whole);
      x[lane] = mirror && whole & 1 ? 1 - part : part;
    });
  }
}

// `offset`: how many texels the instruction steps aside, or nullptr.
inline void find_axis(AddressMode mode, bool normalised, bool linear, uint32_t extent, Lanes<float>& x,
                      const int32_t* offset, Axis& axis) {
  auto size = static_cast<int32_t>(extent);
  // Wrap and mirror are for normalised coordinates alone (Programming Guide); otherwise they are clamp.
  if (!normalised && mode != AddressMode::border) mode = AddressMode::clamp;
  bool folded = !offset;
  if (normalised) {
    if (folded) fold(mode, x);
    each_lane([&](unsigned lane) { x[lane] *= static_cast<float>(size); });
  }
  axis.linear = linear;
  axis.outside = mode == AddressMode::border;
  float half = linear ? 0.5f : 0;
  each_lane([&](unsigned lane) {
    float place = limited(x[lane] - half, -far_away, far_away);
    int32_t below = floor_of(place);
    // Linear filtering has weights of nine bits, eight of them behind the point.
    axis.weight[lane] =
        static_cast<float>(static_cast<int32_t>((place - static_cast<float>(below)) * 256 + 0.5f)) * 0x1p-8f;
    axis.low[lane] = below + (offset ? offset[lane] : 0);
  });
  if (linear) {
    each_lane([&](unsigned lane) { axis.high[lane] = axis.low[lane] + 1; });
    place_index(mode, size, folded, axis.high);
  }
  place_index(mode, size, folded, axis.low);
}

// Integer coordinates name a texel.
inline void find_texel(AddressMode mode, uint32_t extent, const uint32_t* coordinate, const int32_t* offset,
                       Axis& axis) {
  axis.linear = false;
  axis.outside = mode == AddressMode::border;
  if (!axis.outside) mode = AddressMode::clamp;
  each_lane([&](unsigned lane) {
    axis.low[lane] = static_cast<int32_t>(coordinate[lane] + (offset ? static_cast<uint32_t>(offset[lane]) : 0));
  });
  place_index(mode, static_cast<int32_t>(extent), true, axis.low);
}

}  // namespace software
