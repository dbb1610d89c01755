// base64url without padding (RFC 4648, section 5).
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

inline constexpr std::string_view base64url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

inline std::string to_base64url(std::span<const uint8_t> bytes) {
  std::string text;
  uint32_t kept = 0;
  int bits = 0;
  for (uint8_t byte : bytes) {
    kept = kept << 8 | byte;
    for (bits += 8; bits >= 6; bits -= 6) text += base64url_digits[kept >> (bits - 6) & 63];
  }
  if (bits) text += base64url_digits[kept << (6 - bits) & 63];
  return text;
}

// Nothing: another character, or bits left over that are not zero.
inline std::optional<std::vector<uint8_t>> from_base64url(std::string_view text) {
  std::vector<uint8_t> bytes;
  uint32_t kept = 0;
  int bits = 0;
  for (char character : text) {
    size_t digit = base64url_digits.find(character);
    if (digit == std::string_view::npos) return std::nullopt;
    kept = kept << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<uint8_t>(kept >> bits));
  }
  if (bits >= 6 || (kept & ((1u << bits) - 1))) return std::nullopt;
  return bytes;
}

}  // namespace base
