// Numbers in a picture that survive lossy coding: cells of 8 x 16 pixels, black or white, at the top left, with a sum.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

namespace barcode {

struct Mark {
  uint32_t time = 0;  // tenths of a millisecond on the monotonic clock
  uint16_t frame = 0, input = 0;
};

constexpr int bits = 80, cell = 8, width = bits * cell, height = 16;

inline uint16_t sum(const Mark& mark) {
  uint32_t value = 0x5a5a;
  for (uint32_t part : {mark.time >> 16, mark.time & 0xffff, uint32_t{mark.frame}, uint32_t{mark.input}})
    value = (value * 31 + part) & 0xffff;
  return static_cast<uint16_t>(value);
}

// Rows of 32-bit pixels, `stride` in pixels.
inline void draw(const Mark& mark, uint32_t* pixels, size_t stride) {
  const uint16_t parts[] = {static_cast<uint16_t>(mark.time >> 16), static_cast<uint16_t>(mark.time), mark.frame,
                            mark.input, sum(mark)};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int bit = x / cell;
      pixels[static_cast<size_t>(y) * stride + static_cast<size_t>(x)] =
          parts[bit / 16] >> (15 - bit % 16) & 1 ? 0xffffff : 0;
    }
}

inline std::optional<Mark> read(const uint32_t* pixels, size_t stride) {
  uint16_t parts[5] = {};
  for (int bit = 0; bit < bits; ++bit) {
    const uint32_t pixel = pixels[stride * (height / 2) + static_cast<size_t>(bit * cell + cell / 2)];
    const uint32_t grey = (pixel & 255) + (pixel >> 8 & 255) + (pixel >> 16 & 255);
    parts[bit / 16] = static_cast<uint16_t>(parts[bit / 16] << 1 | (grey > 384));
  }
  Mark mark{static_cast<uint32_t>(parts[0]) << 16 | parts[1], parts[2], parts[3]};
  if (sum(mark) != parts[4]) return std::nullopt;
  return mark;
}

}  // namespace barcode
