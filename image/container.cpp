// Makes containers; links no decompressor, for those who only make them.
#include "image/container.h"

#include <cstring>

#include "image/fatbin.h"

namespace image {

std::vector<std::byte> make_fatbin(Kind kind, uint32_t architecture, std::span<const std::byte> payload) {
  ContainerHeader header{container_magic, 1, sizeof(ContainerHeader), sizeof(EntryHeader) + payload.size()};
  EntryHeader entry{};
  entry.kind = static_cast<uint16_t>(kind);
  entry.unknown_2 = 0x0101;  // what every compiler writes
  entry.header_size = sizeof entry;
  entry.payload_size = payload.size();
  entry.architecture = architecture;
  entry.flags = 0x11;  // 64-bit addresses, made on Linux: what nvcc writes for plain PTX
  std::vector<std::byte> bytes(sizeof header + sizeof entry + payload.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &entry, sizeof entry);
  if (!payload.empty()) std::memcpy(bytes.data() + sizeof header + sizeof entry, payload.data(), payload.size());
  return bytes;
}

}  // namespace image
