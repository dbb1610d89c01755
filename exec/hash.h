// Names of content: SHA-256 (FIPS 180-4).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace exec {

using Hash = std::array<uint8_t, 32>;

Hash hash_of(std::span<const std::byte> bytes);
std::string hex(const Hash& hash);

}  // namespace exec
