// A texel beyond the edge of a face is the one of the neighbouring face that lies in its direction; beyond a corner
// there is none, and the other three share its weight.
#include "device/software/run/cube.h"

#include "device/software/run/addressing.h"

namespace software {
namespace {

struct Direction {
  float x, y, z;
};

// The inverse of face_place, with s and t from -1 to 1 and beyond.
Direction direction_of(uint32_t face, float s, float t) {
  switch (face) {
    case 0: return {1, -t, -s};
    case 1: return {-1, -t, s};
    case 2: return {s, 1, t};
    case 3: return {s, -1, -t};
    case 4: return {s, -t, 1};
    default: return {-s, -t, -1};
  }
}

int32_t texel_at(float place, int32_t size) {
  return limited(floor_of(limited(place, 0.0f, 1.0f) * static_cast<float>(size)), 0, size - 1);
}

// Where texel (x, y) of a slice is; x or y may be one beyond the edge.
int64_t place_of(const Texture& texture, const Image& image, uint32_t slice, int32_t x, int32_t y) {
  auto size = static_cast<int32_t>(image.width);
  if (x < 0 || x >= size || y < 0 || y >= size) {
    float half = static_cast<float>(size) / 2;
    Direction to =
        direction_of(slice % 6, (static_cast<float>(x) + 0.5f) / half - 1, (static_cast<float>(y) + 0.5f) / half - 1);
    FacePlace there = face_place(to.x, to.y, to.z);
    slice = slice / 6 * 6 + there.face;
    x = texel_at(there.s, size), y = texel_at(there.t, size);
  }
  return static_cast<int64_t>(slice * image.slice + static_cast<uint64_t>(y) * image.pitch +
                              static_cast<uint64_t>(x) * texture.bytes());
}

struct Square {  // the four texels around a lane's place
  int32_t x, y;
  float right, down;  // weights
};

Square square_at(float s, float t, float size) {
  auto weight = [](float place, int32_t below) {
    return static_cast<float>(static_cast<int32_t>((place - static_cast<float>(below)) * 256 + 0.5f)) * 0x1p-8f;
  };
  float x = s * size - 0.5f, y = t * size - 0.5f;
  int32_t left = floor_of(limited(x, -1.0f, size)), top = floor_of(limited(y, -1.0f, size));
  return {left, top, weight(x, left), weight(y, top)};
}

}  // namespace

void sample_seamless(const Texture& texture, const Image& image, const Lanes<float>* position,
                     const Lanes<uint32_t>& slice, Texels& result) {
  auto size = static_cast<int32_t>(image.width);
  auto beyond = [&](int32_t at) { return at < 0 || at >= size; };
  Lanes<float> total[4] = {}, weights = {};
  for (unsigned corner = 0; corner < 4; ++corner) {
    Places places{};
    Lanes<float> weight;
    each_lane([&](unsigned lane) {
      Square square = square_at(position[0][lane], position[1][lane], static_cast<float>(size));
      int32_t x = square.x + static_cast<int32_t>(corner & 1), y = square.y + static_cast<int32_t>(corner >> 1);
      weight[lane] = (corner & 1 ? square.right : 1 - square.right) * (corner & 2 ? square.down : 1 - square.down);
      if (beyond(x) && beyond(y)) weight[lane] = 0;
      bool nowhere = weight[lane] == 0;
      places.offset[lane] = nowhere ? 0 : place_of(texture, image, slice[lane], x, y);
      weights[lane] += weight[lane];
    });
    Texels texels;
    fetch(texture, image, places, texels);
    for (unsigned c = 0; c < texture.channels; ++c)
      each_lane([&](unsigned lane) {
        if (weight[lane] != 0) total[c][lane] += weight[lane] * as_float(texels.component[c][lane]);
      });
  }
  for (unsigned c = 0; c < texture.channels; ++c)
    each_lane([&](unsigned lane) { result.component[c][lane] = as_bits(total[c][lane] / weights[lane]); });
}

}  // namespace software
