// The library's plain functions: those that replace them read its configuration first, which in somebody else's program
// is not ours to do.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "wire/digest.h"

#include <openssl/sha.h>

namespace wire {

ImageDigest digest_of(std::span<const std::byte> content) {
  ImageDigest digest;
  static_assert(sizeof digest.bytes == SHA256_DIGEST_LENGTH);
  SHA256_CTX state;
  SHA256_Init(&state);
  SHA256_Update(&state, content.data(), content.size());
  SHA256_Final(digest.bytes, &state);
  return digest;
}

std::string hexadecimal(const ImageDigest& digest) {
  std::string text;
  for (unsigned char byte : digest.bytes) text += "0123456789abcdef"[byte >> 4], text += "0123456789abcdef"[byte & 15];
  return text;
}

}  // namespace wire
