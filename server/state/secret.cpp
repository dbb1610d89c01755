// Random numbers, scrypt, SHA-256 and the comparison are OpenSSL's.
#include "server/state/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstring>
#include <ctime>

#include "base/base64.h"

namespace server {
namespace {

constexpr uint64_t scrypt_n = 16384, scrypt_r = 8, scrypt_p = 1, scrypt_memory = uint64_t{64} << 20;

std::array<uint8_t, 32> sha256(const void* bytes, size_t size) {
  std::array<uint8_t, 32> digest{};
  EVP_Digest(bytes, size, digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

}  // namespace

base::Result<Token> make_token(Secret& secret) {
  Token token;
  if (RAND_bytes(secret.data(), secret.size()) != 1 || RAND_bytes(token.salt.data(), token.salt.size()) != 1)
    return base::Error{"the system gives no random numbers"};
  std::optional<Proof> proof = derive(secret, token.salt);
  if (!proof) return base::Error{"not enough memory to make a token"};
  token.id = id_of(secret);
  token.created = std::time(nullptr);
  token.verifier = sha256(proof->data(), proof->size());
  return token;
}

std::string id_of(const Secret& secret) {
  constexpr char digits[] = "0123456789abcdef";
  std::string id;
  for (size_t i = 0; i < 8; ++i) {
    id += digits[secret[i] >> 4];
    id += digits[secret[i] & 15];
  }
  return id;
}

std::optional<Proof> derive(const Secret& secret, const Salt& salt) {
  Proof proof;
  if (EVP_PBE_scrypt(reinterpret_cast<const char*>(secret.data()), secret.size(), salt.data(), salt.size(), scrypt_n,
                     scrypt_r, scrypt_p, scrypt_memory, proof.data(), proof.size()) != 1)
    return std::nullopt;
  return proof;
}

bool fits(const Token& token, const Proof& proof) {
  auto digest = sha256(proof.data(), proof.size());
  return CRYPTO_memcmp(digest.data(), token.verifier.data(), digest.size()) == 0;
}

Salt decoy_salt(const std::string& id) {
  static const auto key = [] {
    std::array<uint8_t, 32> random{};
    RAND_bytes(random.data(), random.size());
    return random;
  }();
  std::array<uint8_t, 32> digest{};
  HMAC(EVP_sha256(), key.data(), key.size(), reinterpret_cast<const uint8_t*>(id.data()), id.size(), digest.data(),
       nullptr);
  Salt salt;
  std::memcpy(salt.data(), digest.data(), salt.size());
  return salt;
}

std::string encode(const Secret& secret) { return base::to_base64url(secret); }

std::optional<Secret> decode(std::string_view text) {
  auto bytes = base::from_base64url(text);
  Secret secret;
  if (!bytes || bytes->size() != secret.size()) return std::nullopt;
  std::memcpy(secret.data(), bytes->data(), secret.size());
  return secret;
}

}  // namespace server
