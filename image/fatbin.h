// NVIDIA's fat binary container: finds the PTX and machine code in it and unpacks them. Reads untrusted
// bytes; never looks outside them. Does not know what PTX means.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace image {

enum class Kind : uint16_t { ptx = 1, cubin = 2, nvvm = 8 };

struct Entry {
  Kind kind;
  uint32_t architecture;                  // 75, 90, 120, ...
  bool exact;                             // sm_90a: fits that very device only
  bool family;                            // sm_100f: fits that family only
  uint16_t version_major, version_minor;  // PTX ISA, or of the cubin
  uint64_t flags;
  uint32_t compressed_size;  // 0: stored as it is
  uint64_t unpacked_size;
  std::span<const std::byte> payload;  // into the container's bytes: they must outlive the entry
  std::span<const std::byte> whole;    // the payload with the header before it
};

// The entries of one container (it may be followed by other bytes). An error names the offset.
base::Result<std::vector<Entry>> parse_fatbin(std::span<const std::byte> bytes);

// The payload as its compiler made it: PTX text (with its final NUL) or an ELF. Refuses sizes above 1 GiB and
// anything that does not unpack to exactly the size it announces.
base::Result<std::vector<std::byte>> unpack(const Entry& entry);

// A container with one entry, stored as it is.
std::vector<std::byte> make_fatbin(Kind kind, uint32_t architecture, std::span<const std::byte> payload);

// The newest PTX that a device of compute capability `capability` (75 for 7.5) can run; nullptr: none.
const Entry* choose_ptx(std::span<const Entry> entries, uint32_t capability);
// For a device that runs the PTX of every generation; nullptr: there is machine code alone.
const Entry* oldest_ptx(std::span<const Entry> entries);

// A container with this entry alone, as it is.
std::vector<std::byte> only(const Entry& entry);

// Bytes of the container that starts at `fatbin`, from its own header; 0 when it is none. For pointers that the
// program itself handed over.
size_t fatbin_extent(const void* fatbin);

// Bytes of the ELF file that starts at `elf`, from its own headers, of which 64 bytes at least can be read; 0 when it
// is none, or has more than `most` bytes.
size_t elf_extent(const void* elf, size_t most = SIZE_MAX);

}  // namespace image
