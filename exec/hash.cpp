#include "exec/hash.h"

#include <openssl/evp.h>

#include <memory>

namespace exec {

Hash hash_of(std::span<const std::byte> bytes) {
  Hash hash{};
  EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  return hash;
}

base::Result<Hash> hash_of(const std::function<base::Result<std::span<const std::byte>>()>& more) {
  Hash hash{};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  for (auto bytes = TRY(more()); !bytes.empty(); bytes = TRY(more()))
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  EVP_DigestFinal_ex(context.get(), hash.data(), nullptr);
  return hash;
}

std::string hex(const Hash& hash) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : hash) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

}  // namespace exec
