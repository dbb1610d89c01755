// The name of content that both sides may hold: SHA-256 (FIPS 180-4).
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "api/cuda/internal.h"

namespace wire {

ImageDigest digest_of(std::span<const std::byte> content);
std::string hexadecimal(const ImageDigest& digest);

}  // namespace wire
