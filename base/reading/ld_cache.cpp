// The dynamic loader's cache.
#include "base/reading/ld_cache.h"

#include <cstdint>
#include <cstring>

namespace base::reading {

namespace {

constexpr std::string_view new_magic = "glibc-ld.so.cache1.1", old_magic = "ld.so-1.7.0";
constexpr size_t new_header = 48, new_entry = 24, old_header = 16, old_entry = 12;
constexpr uint32_t most_entries = 1 << 20;

uint32_t number(std::string_view bytes, size_t offset) {
  uint32_t value = 0;
  if (offset <= bytes.size() && bytes.size() - offset >= sizeof value)
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string text(std::string_view bytes, size_t offset) {
  if (offset >= bytes.size()) return "";
  size_t end = bytes.find('\0', offset);
  return end == std::string_view::npos ? "" : std::string(bytes.substr(offset, end - offset));
}

// `size` bytes for each entry after `start`, the offsets of name and path at 4 and 8, counted from `strings`.
std::vector<CacheEntry> entries(std::string_view bytes, uint32_t count, size_t start, size_t size, size_t strings) {
  std::vector<CacheEntry> found;
  for (size_t at = start; count > 0 && at + size <= bytes.size(); at += size, --count) {
    CacheEntry entry = {text(bytes, strings + number(bytes, at + 4)), text(bytes, strings + number(bytes, at + 8))};
    if (!entry.name.empty() && entry.path.starts_with('/')) found.push_back(std::move(entry));
  }
  return found;
}

}  // namespace

std::vector<CacheEntry> read_ld_cache(std::string_view bytes) {
  if (bytes.starts_with(new_magic)) {
    uint32_t count = number(bytes, new_magic.size());
    return count > most_entries ? std::vector<CacheEntry>{} : entries(bytes, count, new_header, new_entry, 0);
  }
  if (!bytes.starts_with(old_magic)) return {};
  uint32_t count = number(bytes, old_header - 4);
  if (count > most_entries) return {};
  size_t strings = old_header + size_t{count} * old_entry;
  size_t next = (strings + 7) & ~size_t{7};
  if (next < bytes.size() && bytes.substr(next).starts_with(new_magic)) return read_ld_cache(bytes.substr(next));
  return entries(bytes, count, old_header, old_entry, strings);
}

}  // namespace base::reading
