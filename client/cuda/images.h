// Module images in the forms that programs hand over, as bytes that can travel.
#pragma once
#include <cstddef>
#include <vector>

#include "api/cuda/abi.h"
#include "api/cuda/device_facts.h"

namespace client {

struct Image {
  const void* data = nullptr;  // the program's memory, or `own`
  size_t size = 0;
  std::vector<std::byte> own;  // parts that are to be linked, put together (image/bundle.h)
};

// cudart's wrapper, a fat binary, PTX text, or what cuLinkComplete gave. `image` is the program's own pointer.
// For a device that runs every PTX, a fat binary shrinks to the PTX for the capability that is claimed towards the
// image's owner.
Image read_image(const void* image, const api::DeviceFacts& facts);

}  // namespace client
