// Servers that this user has joined (outboard join): one file each, with the address, the server's key and a secret.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "link/address.h"

namespace client {

struct Joined {
  std::string name;
  std::string host, port;   // "vsock/CID": a machine that shares this hardware
  std::string fingerprint;  // base64url of SHA-256 of the server's public key; "-": the link is not encrypted
  std::string secret;       // base64url
  std::string address{};    // of a server that is started (ssh://, slurm://) instead of all that
};

// An address of a server that is started, or
// "outboard-join:v1:HOST:PORT:FINGERPRINT:SECRET"; an IPv6 address stands in brackets.
base::Result<Joined> parse_join_line(std::string_view line);
std::string join_line(const Joined& joined);
base::Result<links::Address> address_of(const Joined& joined);
// What stands in a join line for the host of this address.
std::string host_of(const links::Address& address);

// In targets of $XDG_CONFIG_HOME/outboard or ~/.config/outboard, for this user alone.
base::Status keep(const Joined& joined);
base::Status forget(const std::string& name);
std::optional<Joined> find_joined(const std::string& name);
std::vector<Joined> all_joined();

}  // namespace client
