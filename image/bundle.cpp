// Bundle, little-endian: u64 magic, u64 count, u64 sizes[count], then the parts, each padded to eight bytes.
#include "image/bundle.h"

#include <charconv>
#include <cstring>

#include "image/fatbin.h"

namespace image {
namespace {

constexpr uint64_t magic = 0x3144454b4e494c4f;  // "OLINKED1"
constexpr uint64_t most_parts = 65536;

size_t padded(size_t size) { return (size + 7) / 8 * 8; }

void append(std::vector<std::byte>& bytes, const void* data, size_t size) {
  const auto* first = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), first, first + size);
  bytes.resize(padded(bytes.size()));
}

// 75 of ".target sm_75", ".target sm_90a, debug"; 0: the text does not say.
uint32_t target_of(std::string_view ptx) {
  size_t at = ptx.find(".target");
  if (at == std::string_view::npos) return 0;
  at = ptx.find("sm_", at);
  uint32_t number = 0;
  if (at != std::string_view::npos) std::from_chars(ptx.data() + at + 3, ptx.data() + ptx.size(), number);
  return number;
}

}  // namespace

std::vector<std::byte> bundle(const std::vector<std::span<const std::byte>>& parts) {
  std::vector<uint64_t> head{magic, parts.size()};
  for (const auto& part : parts) head.push_back(part.size());
  std::vector<std::byte> bytes;
  append(bytes, head.data(), head.size() * sizeof head[0]);
  for (const auto& part : parts) append(bytes, part.data(), part.size());
  return bytes;
}

base::Result<std::vector<std::span<const std::byte>>> unbundle(std::span<const std::byte> bytes) {
  auto word = [&](size_t i) {
    uint64_t value = 0;
    if (bytes.size() / 8 > i) std::memcpy(&value, bytes.data() + 8 * i, 8);
    return value;
  };
  uint64_t count = word(1);
  if (word(0) != magic || count > most_parts || bytes.size() / 8 < count + 2)
    return base::Error{"this is no bundle of fat binaries"};
  std::vector<std::span<const std::byte>> parts;
  size_t at = 8 * (count + 2);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t size = word(2 + i);
    if (size > bytes.size() - at || padded(size) > bytes.size() - at)
      return base::Error{"a bundle of fat binaries ends early"};
    parts.push_back(bytes.subspan(at, size));
    at += padded(size);
  }
  return parts;
}

size_t bundle_extent(const void* bytes) {
  uint64_t head[2];
  if (std::strncmp(static_cast<const char*>(bytes), reinterpret_cast<const char*>(&magic), sizeof magic) != 0) return 0;
  std::memcpy(head, bytes, sizeof head);
  size_t extent = 8 * (head[1] + 2);
  for (uint64_t i = 0; i < head[1]; ++i) {
    uint64_t size;
    std::memcpy(&size, static_cast<const std::byte*>(bytes) + 8 * (2 + i), sizeof size);
    extent += padded(size);
  }
  return extent;
}

std::vector<std::byte> wrap_ptx(std::string_view text) {
  std::vector<std::byte> payload;
  append(payload, text.data(), text.size());
  payload.resize(padded(payload.size() + 1));  // PTX in a fat binary ends with a NUL
  return make_fatbin(Kind::ptx, target_of(text), payload);
}

}  // namespace image
