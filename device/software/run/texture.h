// Textures and surfaces as kernels use them: what a texture object's handle stands for, and the operands that
// generated code hands over for a whole warp at a time.
//
// A handle is a small number into one table of the process, so that an invented one is found out instead of followed.
#pragma once
#include <cstddef>
#include <cstdint>

#include "device/software/run/warp.h"

namespace software {

enum class Channel : uint8_t { u8, s8, u16, s16, u32, s32, f16, f32 };
constexpr unsigned bytes_of(Channel channel) {
  return channel <= Channel::s8 ? 1 : channel <= Channel::s16 || channel == Channel::f16 ? 2 : 4;
}

enum class AddressMode : uint8_t { wrap, clamp, mirror, border };  // as CUaddress_mode

struct Sampler {
  AddressMode address[3] = {AddressMode::clamp, AddressMode::clamp, AddressMode::clamp};
  bool linear = false;                  // filter between texels
  bool linear_mipmaps = false;          // filter between levels
  bool normalised = false;              // coordinates from 0 to 1
  bool seamless = false;                // cubemaps: filter across the edges of faces
  float bias = 0, least = 0, most = 0;  // of the level of detail
  float border[4] = {};
};

// One level: texels lie in rows, rows in slices; a slice is a depth, a layer or a face.
struct Image {
  uint8_t* texels = nullptr;
  uint32_t width = 1, height = 1, depth = 1;  // texels, rows, slices
  uint64_t pitch = 0, slice = 0;              // bytes between rows and between slices
};

struct Texture {
  enum Kind : uint8_t { texture, sampler_alone, surface };
  static constexpr unsigned most_levels = 18;

  Kind kind = texture;
  Channel channel = Channel::f32;
  uint8_t channels = 1;
  bool normalised = false;  // integers are read as floats from 0 (or -1) to 1
  bool srgb = false;
  bool flat = false;  // linear memory: no filter, and 0 outside
  bool layered = false;
  bool cube = false;
  uint32_t dimensions = 1;  // as declared: 0 where there is no height or depth is a matter of queries only
  uint32_t levels = 1;
  Image level[most_levels];
  Sampler sampler;

  unsigned bytes() const { return bytes_of(channel) * channels; }
  bool gives_floats() const { return normalised || channel >= Channel::f16; }
  uint32_t layers() const { return cube ? level[0].depth / 6 : level[0].depth; }
};

// The table. Thread-safe; what a handle stands for must outlive the kernels that use it.
uint64_t add_texture(const Texture* texture);  // 0: no room
void remove_texture(uint64_t handle);
const Texture* find_texture(uint64_t handle);  // nullptr: nobody's

// What an instruction asks for, as one word.
enum class Geometry : uint8_t { d1, d2, d3, a1d, a2d, cube, acube };
enum class Detail : uint8_t { none, level, gradient };
struct TextureAction {
  Geometry geometry = Geometry::d1;
  Detail detail = Detail::none;
  uint8_t gather = 0;  // tld4: component + 1
  bool integer_coordinates : 1 = false;
  bool offset : 1 = false;
};
static_assert(sizeof(TextureAction) == 4);

struct SurfaceAction {
  enum What : uint8_t { load, store, store_formatted, reduce, reduce_formatted };
  enum Outside : uint8_t { trap, clamp, zero };
  enum Reduction : uint8_t { add, smallest, largest, bits_and, bits_or };
  Geometry geometry = Geometry::d1;
  What what : 4 = load;
  Outside outside : 4 = trap;
  uint8_t bytes = 4;      // of a component
  uint8_t count : 3 = 1;  // components
  Reduction reduction : 4 = add;
  bool is_signed : 1 = false;
};
static_assert(sizeof(SurfaceAction) == 4);

// Which property a query asks for (PTX ISA, "txq", "suq").
enum class TextureQuery : uint32_t {
  width,
  height,
  depth,
  channel_data_type,
  channel_order,
  normalized_coords,
  array_size,
  num_mipmap_levels,
  num_samples,
  force_unnormalized_coords,
  filter_mode,
  addr_mode_0,
  addr_mode_1,
  addr_mode_2,
  memory_layout,
};

// Operands and results of one warp, lane by lane. Floats travel as their bits.
struct TextureOperands {
  uint32_t coordinate[3][warp_size];
  uint32_t layer[warp_size];
  uint32_t lod[warp_size];
  uint32_t gradient[2][3][warp_size];  // d/dx, d/dy
  int32_t offset[3][warp_size];
  uint32_t texel[4][warp_size];  // what a texture gives
  uint64_t value[4][warp_size];  // what a surface gives or takes
};

}  // namespace software

// Called by generated code; `lanes` are those that take part, and only their results are written.
extern "C" {
void outboard_texture(software::Warp*, uint32_t lanes, uint32_t action, uint64_t texture, uint64_t sampler,
                      software::TextureOperands* operands);
void outboard_surface(software::Warp*, uint32_t lanes, uint32_t action, uint64_t surface,
                      software::TextureOperands* operands);
uint32_t outboard_texture_query(software::Warp*, uint32_t lanes, uint32_t query, uint64_t object, uint32_t level);
uint32_t outboard_texture_kind(uint64_t object);  // 0: none, otherwise Texture::Kind + 1
}
