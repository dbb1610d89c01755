// Fat binaries and bundles from anywhere: every entry is inside the bytes, and unpacking gives what it promises or
// fails.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "image/bundle.h"
#include "image/fatbin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::byte> bytes(size);
  if (size) std::memcpy(bytes.data(), data, size);
  auto entries = image::parse_fatbin(bytes);
  if (entries)
    for (const image::Entry& entry : entries.value()) {
      if (entry.payload.data() < bytes.data() ||
          entry.payload.data() + entry.payload.size() > bytes.data() + bytes.size())
        std::abort();
      if (entry.unpacked_size > (1 << 24)) continue;  // memory, not a defect
      auto unpacked = image::unpack(entry);
      if (unpacked && entry.compressed_size && unpacked.value().size() != entry.unpacked_size) std::abort();
    }
  (void)image::unbundle(bytes);
  return 0;
}
