// A token's secret: 32 random bytes, of which the first 8 are public and name the token.
//
// The server keeps a salt and SHA-256(scrypt(secret, salt)). A worker, which meets the client, does the costly half and
// hands scrypt's result to the listener, which compares. So whoever reads the file cannot come in with what stands
// there, and guessing costs the guesser's own process time.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/state/facts.h"

namespace server {

using Secret = std::array<uint8_t, 32>;
using Proof = std::array<uint8_t, 32>;
using Salt = std::array<uint8_t, 16>;

// A fresh token; `secret` is shown once, in the join line.
base::Result<Token> make_token(Secret& secret);

std::string id_of(const Secret& secret);
// RFC 7914 with N = 16384, r = 8, p = 1: 16 MiB and tens of milliseconds. Nothing when memory is short.
std::optional<Proof> derive(const Secret& secret, const Salt& salt);
// In the same time for every proof.
bool fits(const Token& token, const Proof& proof);
// For a token that does not exist: the same every time, so that nobody can tell.
Salt decoy_salt(const std::string& id);

// base64url without padding (RFC 4648, section 5).
std::string encode(const Secret& secret);
std::optional<Secret> decode(std::string_view text);

}  // namespace server
