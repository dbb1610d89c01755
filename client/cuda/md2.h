// MD2 (RFC 1319) and HMAC over it (RFC 2104): used by the integrity answer alone. Not for security.
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace client {

using Digest = std::array<uint8_t, 16>;

Digest md2(std::span<const uint8_t> message);
// Block size 16, as MD2's; keys of up to 16 bytes.
Digest hmac_md2(std::span<const uint8_t> key, std::span<const uint8_t> message);

}  // namespace client
