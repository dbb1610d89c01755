#include "exec/hash.h"

#include <openssl/evp.h>

namespace exec {

Hash hash_of(std::span<const std::byte> bytes) {
  Hash hash{};
  EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  return hash;
}

std::string hex(const Hash& hash) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : hash) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

}  // namespace exec
