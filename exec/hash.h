// Names of content: SHA-256 (FIPS 180-4).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/result.h"

namespace exec {

using Hash = std::array<uint8_t, 32>;

Hash hash_of(std::span<const std::byte> bytes);
// Of bytes that `more` brings part by part, until it brings none; its error is ours.
base::Result<Hash> hash_of(const std::function<base::Result<std::span<const std::byte>>()>& more);
std::string hex(const Hash& hash);

}  // namespace exec
