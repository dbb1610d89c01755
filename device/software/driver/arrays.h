// CUDA arrays: linear memory with a shape. There is no texture unit that wants texels in another order.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "api/cuda/abi.h"
#include "device/software/run/texture.h"

namespace software {

// How the texels of a format lie in memory and what they are read as.
struct TexelFormat {
  Channel channel = Channel::f32;
  unsigned channels = 1;
  bool normalised = false;  // the format itself says so (UNORM, SNORM)
  unsigned bytes() const { return bytes_of(channel) * channels; }
};
// Nothing: block-compressed and video formats, and numbers of channels that no format has.
std::optional<TexelFormat> texel_format(CUarray_format format, unsigned channels);

// Device memory that is given back when the last array, level or texture of it is gone.
class ArrayMemory {
 public:
  explicit ArrayMemory(uint64_t address) : address_(address) {}
  ~ArrayMemory();
  ArrayMemory(const ArrayMemory&) = delete;
  ArrayMemory& operator=(const ArrayMemory&) = delete;
  uint64_t address() const { return address_; }

 private:
  uint64_t address_;
};

struct Array {
  const void* context = nullptr;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  TexelFormat format;
  std::shared_ptr<ArrayMemory> memory;
  uint64_t address = 0;  // in `memory`
  size_t pitch() const { return descriptor.Width * format.bytes(); }
  size_t rows() const { return descriptor.Height ? descriptor.Height : 1; }
  size_t slices() const { return descriptor.Depth ? descriptor.Depth : 1; }
  size_t bytes() const { return pitch() * rows() * slices(); }
  bool has(unsigned flag) const { return descriptor.Flags & flag; }
  Image image() const;
};

struct MipmappedArray {
  const void* context = nullptr;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  std::vector<std::shared_ptr<Array>> levels;
};

}  // namespace software
