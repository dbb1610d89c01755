// Reads the container.
#include "image/fatbin.h"

#include <elf.h>

#include <algorithm>
#include <lz4.h>
#include <zstd.h>

#include <cstring>
#include <string>

#include "image/container.h"

namespace image {
namespace {

constexpr uint64_t largest_unpacked = uint64_t{1} << 30;
enum Flags : uint64_t { lz4 = 0x2000, zstd = 0x8000, architecture_specific = 0x100000, family_specific = 0x200000 };

base::Error damaged(const char* what, size_t offset) {
  return {std::string("the fatbin is damaged: ") + what + " at byte " + std::to_string(offset)};
}

Entry entry_from(const EntryHeader& head, std::span<const std::byte> whole) {
  return {static_cast<Kind>(head.kind),
          head.architecture,
          (head.flags & architecture_specific) != 0,
          (head.flags & family_specific) != 0,
          head.version_major,
          head.version_minor,
          head.flags,
          head.compressed_size,
          head.compressed_size ? head.unpacked_size : head.payload_size,
          whole.subspan(head.header_size),
          whole};
}

}  // namespace

base::Result<std::vector<Entry>> parse_fatbin(std::span<const std::byte> bytes) {
  ContainerHeader header;
  if (bytes.size() < sizeof header) return damaged("no room for a header", 0);
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != container_magic || header.version != 1) return damaged("unknown magic number or version", 0);
  if (header.header_size < sizeof header || header.header_size > bytes.size() ||
      header.size > bytes.size() - header.header_size)
    return damaged("a container longer than its bytes", 8);

  std::vector<Entry> entries;
  size_t at = header.header_size, end = at + header.size;
  while (at < end) {
    EntryHeader head;
    if (end - at < sizeof head) return damaged("half an entry", at);
    std::memcpy(&head, bytes.data() + at, sizeof head);
    if (head.header_size < sizeof head || head.header_size > end - at ||
        head.payload_size > end - at - head.header_size || head.compressed_size > head.payload_size)
      return damaged("an entry longer than its container", at);
    entries.push_back(entry_from(head, bytes.subspan(at, head.header_size + head.payload_size)));
    at += head.header_size + head.payload_size;
  }
  return entries;
}

base::Result<std::vector<std::byte>> unpack(const Entry& entry) {
  if (!entry.compressed_size) return std::vector<std::byte>(entry.payload.begin(), entry.payload.end());
  if (entry.unpacked_size > largest_unpacked) return base::Error{"a fatbin entry announces more than 1 GiB"};
  std::vector<std::byte> unpacked(entry.unpacked_size);
  auto* source = reinterpret_cast<const char*>(entry.payload.data());
  auto* target = reinterpret_cast<char*>(unpacked.data());
  size_t size = 0;
  if (entry.flags & zstd) {
    size = ZSTD_decompress(target, unpacked.size(), source, entry.compressed_size);
    if (ZSTD_isError(size))
      return base::Error{std::string("a fatbin entry does not unpack: ") + ZSTD_getErrorName(size)};
  } else if (entry.flags & lz4) {
    int result =
        LZ4_decompress_safe(source, target, static_cast<int>(entry.compressed_size), static_cast<int>(unpacked.size()));
    if (result < 0) return base::Error{"a fatbin entry does not unpack: bad LZ4 block"};
    size = static_cast<size_t>(result);
  } else {
    return base::Error{"a fatbin entry is compressed in an unknown way"};
  }
  if (size != unpacked.size()) return base::Error{"a fatbin entry unpacks to another size than it announces"};
  return unpacked;
}

const Entry* choose_ptx(std::span<const Entry> entries, uint32_t capability) {
  const Entry* best = nullptr;
  for (const Entry& entry : entries) {
    bool bound = entry.exact || entry.family;
    if (entry.kind != Kind::ptx || entry.architecture > capability) continue;
    if (bound && entry.architecture != capability) continue;
    if (!best || entry.architecture > best->architecture) best = &entry;
  }
  return best;
}

const Entry* oldest_ptx(std::span<const Entry> entries) {
  const Entry* oldest = nullptr;
  for (const Entry& entry : entries)
    if (entry.kind == Kind::ptx && (!oldest || entry.architecture < oldest->architecture)) oldest = &entry;
  return oldest;
}

std::vector<std::byte> only(const Entry& entry) {
  ContainerHeader header{container_magic, 1, sizeof(ContainerHeader), entry.whole.size()};
  std::vector<std::byte> bytes(sizeof header + entry.whole.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, entry.whole.data(), entry.whole.size());
  return bytes;
}

size_t fatbin_extent(const void* fatbin) {
  ContainerHeader header;
  std::memcpy(&header, fatbin, sizeof header);
  return header.magic == container_magic ? header.header_size + header.size : 0;
}

size_t elf_extent(const void* elf, size_t most) {
  Elf64_Ehdr head;
  std::memcpy(&head, elf, sizeof head);
  if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_ident[EI_CLASS] != ELFCLASS64) return 0;
  uint64_t extent = sizeof head;
  auto reach = [&](uint64_t offset, uint64_t size) {
    uint64_t end = 0;
    if (__builtin_add_overflow(offset, size, &end) || end > most) return false;
    extent = std::max(extent, end);
    return true;
  };
  if (most < sizeof head || !reach(head.e_shoff, uint64_t{head.e_shnum} * sizeof(Elf64_Shdr)) ||
      !reach(head.e_phoff, uint64_t{head.e_phnum} * sizeof(Elf64_Phdr)))
    return 0;
  for (unsigned i = 0; i < head.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, static_cast<const std::byte*>(elf) + head.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_NOBITS && !reach(section.sh_offset, section.sh_size)) return 0;
  }
  return extent;
}

}  // namespace image
