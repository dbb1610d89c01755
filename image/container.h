// NVIDIA's fat binary containers. The layout was found by reading many fatbins of CUDA 11 to 13 (little-endian
// throughout): header: u32 magic, u16 version, u16 header size, u64 size; then entries, each a header and its payload.
#pragma once
#include <cstdint>

namespace image {

inline constexpr uint32_t container_magic = 0xba55ed50;

struct ContainerHeader {
  uint32_t magic;
  uint16_t version, header_size;
  uint64_t size;  // bytes behind the header
};

struct EntryHeader {
  uint16_t kind, unknown_2;
  uint32_t header_size;
  uint64_t payload_size;
  uint32_t compressed_size, options_offset;
  uint16_t version_minor, version_major;
  uint32_t architecture, name_offset, name_length;
  uint64_t flags, unknown_48, unpacked_size;
};
static_assert(sizeof(ContainerHeader) == 16 && sizeof(EntryHeader) == 64);

}  // namespace image
