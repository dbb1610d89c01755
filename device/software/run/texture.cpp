// The texture unit: samples a whole warp (CUDA C++ Programming Guide, "Texture Fetching"; PTX ISA, "tex", "tld4").
// Inactive lanes are sampled, too: wherever their coordinates point, addressing keeps them inside of the image.
#include "device/software/run/texture.h"

#include <bit>
#include <cmath>

#include "device/software/run/addressing.h"
#include "device/software/run/cube.h"
#include "device/software/run/texels.h"
#include "device/software/run/texture_objects.h"

namespace software {

const float* srgb_table() {
  static const auto* table = [] {  // IEC 61966-2-1
    auto* made = new float[256];
    for (int i = 0; i < 256; ++i) {
      double value = i / 255.0;
      made[i] = static_cast<float>(value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4));
    }
    return made;
  }();
  return table;
}

namespace {

using Coordinates = Lanes<float>[3];

struct Request {
  const Texture& texture;
  const Sampler& sampler;
  TextureAction action;
  const TextureOperands& operands;
  unsigned axes;  // of a slice, or of the volume
  bool sliced;    // the lanes' slices are in `slice`; otherwise all read the first one
  Lanes<uint32_t>& slice;
  Lanes<float> (&position)[3];
};

unsigned axes_of(Geometry geometry) {
  if (geometry == Geometry::d1 || geometry == Geometry::a1d) return 1;
  return geometry == Geometry::d3 ? 3 : 2;
}

bool has_layers(Geometry geometry) {
  return geometry == Geometry::a1d || geometry == Geometry::a2d || geometry == Geometry::acube;
}

bool is_cube(Geometry geometry) { return geometry == Geometry::cube || geometry == Geometry::acube; }

// Which slice each lane reads, and for cubes where on the face.
inline void choose_slice(Request& request) {
  const TextureOperands& operands = request.operands;
  Geometry geometry = request.action.geometry;
  bool layered = has_layers(geometry), cube = is_cube(geometry) && request.texture.cube;
  uint32_t last = request.texture.layers() - 1;
  request.sliced = layered || cube;
  if (request.sliced)
    each_lane([&](unsigned lane) {
      uint32_t layer = layered ? operands.layer[lane] : 0;
      request.slice[lane] = layer < last ? layer : last;
    });
  for (unsigned axis = 0; axis < 3; ++axis)
    if (axis < request.axes || cube)
      each_lane([&](unsigned lane) { request.position[axis][lane] = as_float(operands.coordinate[axis][lane]); });
  if (!cube) return;
  each_lane([&](unsigned lane) {
    Lanes<float>* at = request.position;
    FacePlace place = face_place(at[0][lane], at[1][lane], at[2][lane]);
    at[0][lane] = place.s, at[1][lane] = place.t;
    request.slice[lane] = request.slice[lane] * 6 + place.face;
  });
}

inline void find_axes(const Request& request, const Image& image, Axis (&axes)[3]) {
  const uint32_t extent[3] = {image.width, image.height, image.depth};
  const Sampler& sampler = request.sampler;
  bool cube = is_cube(request.action.geometry);
  for (unsigned i = 0; i < request.axes; ++i) {
    const int32_t* offset = request.action.offset ? request.operands.offset[i] : nullptr;
    AddressMode mode = request.texture.flat ? AddressMode::border : cube ? AddressMode::clamp : sampler.address[i];
    if (request.action.integer_coordinates) {
      find_texel(mode, extent[i], request.operands.coordinate[i], offset, axes[i]);
      continue;
    }
    Lanes<float> x = request.position[i];
    bool linear = (sampler.linear && !request.texture.flat) || request.action.gather;
    find_axis(mode, sampler.normalised || cube, linear, extent[i], x, offset, axes[i]);
  }
}

// The texels of one corner of the square or cube around each lane's place; bit i of `corner`: the higher one of axis i.
inline void find_places(const Request& request, const Image& image, const Axis (&axes)[3], unsigned corner,
                        Places& places) {
  auto slice = static_cast<int64_t>(image.slice);
  const int64_t step[3] = {request.texture.bytes(), static_cast<int64_t>(image.pitch), slice};
  for (unsigned i = 0; i < request.axes; ++i) {
    const Lanes<int32_t>& index = corner >> i & 1 ? axes[i].high : axes[i].low;
    int64_t by = step[i];
    if (i == 0)
      each_lane([&](unsigned lane) { places.offset[lane] = index[lane] * by; });
    else
      each_lane([&](unsigned lane) { places.offset[lane] += index[lane] * by; });
  }
  if (request.sliced) each_lane([&](unsigned lane) { places.offset[lane] += request.slice[lane] * slice; });
  bool outside = false;
  for (unsigned i = 0; i < request.axes; ++i) outside = outside || axes[i].outside;
  places.any_outside = outside;
  if (!outside) return;
  each_lane([&](unsigned lane) { places.outside[lane] = 0; });
  for (unsigned i = 0; i < request.axes; ++i) {
    const Lanes<int32_t>& index = corner >> i & 1 ? axes[i].high : axes[i].low;
    each_lane([&](unsigned lane) { places.outside[lane] |= index[lane] < 0; });
  }
  each_lane([&](unsigned lane) { places.offset[lane] = places.outside[lane] ? 0 : places.offset[lane]; });
}

inline void read_corner(const Request& request, const Image& image, const Axis (&axes)[3], unsigned corner,
                        Texels& texels) {
  Places places;
  find_places(request, image, axes, corner, places);
  fetch(request.texture, image, places, texels);
  if (places.any_outside) add_border(request.texture, request.sampler, places, texels);
}

// Programming Guide, "Linear Filtering": the sum of the corners' texels, each by the product of its weights.
inline void filter(const Request& request, const Image& image, const Axis (&axes)[3], Texels& sum) {
  for (unsigned corner = 0; corner < 1u << request.axes; ++corner) {
    Texels texels;
    read_corner(request, image, axes, corner, texels);
    Lanes<float> weight;
    for (unsigned i = 0; i < request.axes; ++i) {
      const Lanes<float>& right = axes[i].weight;
      float base = corner >> i & 1 ? 0 : 1, sign = corner >> i & 1 ? 1 : -1;  // the weight, or what it leaves
      if (i == 0)
        each_lane([&](unsigned lane) { weight[lane] = base + sign * right[lane]; });
      else
        each_lane([&](unsigned lane) { weight[lane] *= base + sign * right[lane]; });
    }
    for (unsigned c = 0; c < request.texture.channels; ++c) {
      Lanes<uint32_t>& total = sum.component[c];
      const Lanes<uint32_t>& texel = texels.component[c];
      if (corner == 0) each_lane([&](unsigned lane) { total[lane] = 0; });
      each_lane([&](unsigned lane) {
        float part = weight[lane] * as_float(texel[lane]);
        // Nothing is added for a corner without weight, even if its texel is infinite.
        part = weight[lane] == 0 ? 0 : part;
        total[lane] = as_bits(as_float(total[lane]) + part);
      });
    }
  }
}

// PTX ISA, "tld4": one component of the four texels, counter-clockwise from the lower left.
inline void gather(const Request& request, const Image& image, const Axis (&axes)[3], Texels& result) {
  constexpr unsigned corners[] = {2, 3, 1, 0};
  unsigned component = request.action.gather - 1u;
  for (unsigned i = 0; i < 4; ++i) {
    Texels texels;
    read_corner(request, image, axes, corners[i], texels);
    if (component < request.texture.channels)
      result.component[i] = texels.component[component];
    else
      each_lane([&](unsigned lane) { result.component[i][lane] = 0; });
  }
}

inline void sample(const Request& request, const Image& image, Texels& result) {
  if (request.sampler.seamless && request.sampler.linear && is_cube(request.action.geometry) && !request.action.gather)
    return sample_seamless(request.texture, image, request.position, request.slice, result);
  Axis axes[3];
  find_axes(request, image, axes);
  if (request.action.gather) return gather(request, image, axes, result);
  if (axes[0].linear && request.texture.gives_floats()) return filter(request, image, axes, result);
  read_corner(request, image, axes, 0, result);
}

// The level of detail of each lane before bias and limits (Programming Guide, "Texture Functions", tex2DLod,
// tex2DGrad).
inline void find_detail(const Request& request, Lanes<float>& detail) {
  const TextureOperands& operands = request.operands;
  const Image& base = request.texture.level[0];
  const float size[3] = {static_cast<float>(base.width), static_cast<float>(base.height),
                         static_cast<float>(base.depth)};
  switch (request.action.detail) {
    case Detail::none: each_lane([&](unsigned lane) { detail[lane] = 0; }); return;
    case Detail::level:
      each_lane([&](unsigned lane) {
        uint32_t bits = operands.lod[lane];
        detail[lane] =
            request.action.integer_coordinates ? static_cast<float>(static_cast<int32_t>(bits)) : as_float(bits);
      });
      return;
    case Detail::gradient:
      each_lane([&](unsigned lane) {
        float longest = 0;
        for (const auto& gradient : operands.gradient) {
          float square = 0;
          for (unsigned i = 0; i < request.axes; ++i) {
            float step = as_float(gradient[i][lane]) * (request.sampler.normalised ? size[i] : 1);
            square += step * step;
          }
          longest = square > longest ? square : longest;
        }
        detail[lane] = 0.5f * std::log2(longest);
      });
  }
}

// Lanes may need different levels; each level is sampled for those that need it.
inline void sample_levels(const Request& request, uint32_t lanes, Texels& result) {
  const Texture& texture = request.texture;
  const Sampler& sampler = request.sampler;
  Lanes<float> detail, share;
  Lanes<int32_t> level;
  find_detail(request, detail);
  auto last = static_cast<float>(texture.levels - 1);
  each_lane([&](unsigned lane) {
    float value = limited(detail[lane] + sampler.bias, sampler.least, sampler.most);
    value = limited(value, 0.0f, last);
    level[lane] = floor_of(sampler.linear_mipmaps ? value : value + 0.5f);
    float part = (value - static_cast<float>(level[lane])) * 256 + 0.5f;
    share[lane] = sampler.linear_mipmaps ? static_cast<float>(static_cast<int32_t>(part)) * 0x1p-8f : 0;
  });
  for (uint32_t i = 0; i < texture.levels; ++i) {
    int32_t wanted = 0;
    auto number = static_cast<int32_t>(i);
    each_lane([&](unsigned lane) {
      int32_t mine = level[lane] == number || (level[lane] + 1 == number && share[lane] > 0);
      wanted |= mine & static_cast<int32_t>(lanes >> lane & 1);
    });
    if (!wanted) continue;
    Texels texels;
    sample(request, texture.level[i], texels);
    unsigned components = request.action.gather ? 4 : texture.channels;
    bool floats = texture.gives_floats();
    for (unsigned c = 0; c < components; ++c)
      each_lane([&](unsigned lane) {
        uint32_t& word = result.component[c][lane];
        uint32_t sampled = texels.component[c][lane];
        float by = share[lane];
        uint32_t mixed = floats ? as_bits((1 - by) * as_float(word) + by * as_float(sampled)) : word;
        word = level[lane] == number ? sampled : level[lane] + 1 == number && by > 0 ? mixed : word;
      });
  }
}

// Vectors of eight where the processor has them. Sanitizers start after such functions are chosen.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("arch=x86-64-v3", "default"), flatten))
#endif
void run(const Texture& texture, const Sampler& sampler, TextureAction action, uint32_t lanes,
         TextureOperands& operands) {
  Lanes<uint32_t> slice;
  Lanes<float> position[3];
  Request request{texture, sampler, action, operands, axes_of(action.geometry), false, slice, position};
  choose_slice(request);
  Texels result;
  if (texture.levels == 1)
    sample(request, texture.level[0], result);
  else
    sample_levels(request, lanes, result);
  unsigned components = action.gather ? 4 : texture.channels;
  for (unsigned c = components; c < 4; ++c) each_lane([&](unsigned lane) { result.component[c][lane] = 0; });
  if (lanes == ~0u) {
    std::memcpy(operands.texel, result.component, sizeof operands.texel);
    return;
  }
  for (unsigned c = 0; c < 4; ++c)
    each_lane([&](unsigned lane) {
      uint32_t& word = operands.texel[c][lane];
      word = lanes >> lane & 1 ? result.component[c][lane] : word;
    });
}

}  // namespace
}  // namespace software

void outboard_texture(software::Warp* warp, uint32_t lanes, uint32_t action, uint64_t texture, uint64_t sampler,
                      software::TextureOperands* operands) {
  using namespace software;
  if (!lanes) return;
  const Texture* found = texture_of(warp, texture, Texture::texture);
  const Texture* how = found;
  if (sampler) {
    how = find_texture(sampler);
    if (!how || how->kind == Texture::surface) how = texture_of(warp, sampler, Texture::sampler_alone);
  }
  auto what = std::bit_cast<TextureAction>(action);
  run(*found, how->sampler, what, lanes, *operands);
}
