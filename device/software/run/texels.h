// Reading texels: from a format's bytes to words or floats, for all lanes at once.
#pragma once
#include "device/software/run/lanes.h"
#include "device/software/run/texture.h"

namespace software {

// Components of a warp's texels: bits of floats where the texture gives floats, integers of 32 bits otherwise.
struct Texels {
  Lanes<uint32_t> component[4];
};

// Places of texels: bytes from the beginning of an image; and whether they are inside.
struct Places {
  Lanes<int64_t> offset;
  Lanes<int32_t> outside;  // valid where some may be
  bool any_outside;
};

// Every half is exact as a float; the product makes normal what was subnormal (IEEE 754).
inline uint32_t float_of_half(uint32_t half) {
  uint32_t magnitude = (half & 0x7fff) << 13;
  uint32_t scaled = as_bits(as_float(magnitude) * 0x1p112f);
  uint32_t special = magnitude | 0x7f800000;  // infinity and NaN
  uint32_t value = magnitude >= 0x0f800000 ? special : scaled;
  return value | (half & 0x8000) << 16;
}

template <class T, unsigned channels>
inline void read_texels(const uint8_t* base, const Places& places, Texels& texels) {
  each_lane([&](unsigned lane) {
    T texel[channels];
    std::memcpy(texel, base + places.offset[lane], sizeof texel);
    for (unsigned c = 0; c < channels; ++c) texels.component[c][lane] = static_cast<uint32_t>(texel[c]);
  });
}

template <class T>
inline void read_texels(unsigned channels, const uint8_t* base, const Places& places, Texels& texels) {
  if (channels == 1) return read_texels<T, 1>(base, places, texels);
  if (channels == 2) return read_texels<T, 2>(base, places, texels);
  read_texels<T, 4>(base, places, texels);
}

// CUDA C++ Programming Guide, "Texture Fetching": the full range of the integer becomes [0, 1] or [-1, 1].
inline void normalise(Channel channel, Lanes<uint32_t>& words) {
  bool is_signed = channel == Channel::s8 || channel == Channel::s16;
  float largest = channel == Channel::u8 ? 255 : channel == Channel::s8 ? 127 : channel == Channel::u16 ? 65535 : 32767;
  each_lane([&](unsigned lane) {
    float value = static_cast<float>(static_cast<int32_t>(words[lane])) / largest;
    words[lane] = as_bits(is_signed && value < -1 ? -1 : value);
  });
}

const float* srgb_table();  // by the eight bits of a component

inline void convert(const Texture& texture, Texels& texels) {
  for (unsigned c = 0; c < texture.channels; ++c) {
    Lanes<uint32_t>& words = texels.component[c];
    if (texture.channel == Channel::f16) {
      each_lane([&](unsigned lane) { words[lane] = float_of_half(words[lane]); });
    } else if (texture.srgb && c < 3) {
      const float* table = srgb_table();
      each_lane([&](unsigned lane) { words[lane] = as_bits(table[words[lane] & 255]); });
    } else if (texture.normalised) {
      normalise(texture.channel, words);
    }
  }
}

inline void fetch(const Texture& texture, const Image& image, const Places& places, Texels& texels) {
  switch (texture.channel) {
    case Channel::u8: read_texels<uint8_t>(texture.channels, image.texels, places, texels); break;
    case Channel::s8: read_texels<int8_t>(texture.channels, image.texels, places, texels); break;
    case Channel::u16:
    case Channel::f16: read_texels<uint16_t>(texture.channels, image.texels, places, texels); break;
    case Channel::s16: read_texels<int16_t>(texture.channels, image.texels, places, texels); break;
    default: read_texels<uint32_t>(texture.channels, image.texels, places, texels);
  }
  if (texture.channel != Channel::f32) convert(texture, texels);
}

// Lanes outside of the image get the border's colour.
inline void add_border(const Texture& texture, const Sampler& sampler, const Places& places, Texels& texels) {
  for (unsigned c = 0; c < texture.channels; ++c) {
    float colour = texture.flat ? 0 : sampler.border[c];
    uint32_t bits = texture.gives_floats()
                        ? as_bits(colour)
                        : static_cast<uint32_t>(static_cast<int64_t>(limited(colour, -0x1p31f, 0x1p31f)));
    each_lane([&](unsigned lane) {
      uint32_t& word = texels.component[c][lane];
      word = places.outside[lane] ? bits : word;
    });
  }
}

}  // namespace software
