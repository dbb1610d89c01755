// How a server is named: unix:PATH, tcp:HOST:PORT, tls:HOST:PORT#FINGERPRINT, vsock://CID:PORT, host, via:COMMAND,
// ssh://[USER@]HOST[:PORT], slurm://[PARTITION][?KEY=VALUE&...].
#pragma once
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "link/link.h"

namespace links {

struct Address {
  enum class Kind { unix_socket, tcp, tls, vsock, command, ssh, slurm };
  Kind kind;
  std::string where{};        // path, host, CID, command, [user@]host or partition
  std::string port{};         // tcp, tls, vsock, ssh
  std::string fingerprint{};  // tls, of the server that a client wants to reach (link/server_key.h)
  bool plaintext = false;     // tcp to or from other machines, without encryption: somebody has said so
  std::string query{};        // slurm, "gres=vgpu:1&time=10"

  std::string text() const;
  // Nobody listens there: a server is started, by a process that does this (helper.h).
  bool is_started() const { return kind == Kind::ssh || kind == Kind::slurm; }
  // The server speaks over a command's standard input and output.
  bool is_pipe() const { return kind == Kind::command || is_started(); }
};

// `host` is the machine that this virtual machine runs on, at our port: vsock://2:4770 (vsock(7), VMADDR_CID_HOST).
base::Result<Address> parse(std::string_view text);

// $XDG_RUNTIME_DIR/outboard.sock, or outboard-UID/outboard.sock in the folder for temporary files.
std::string default_socket_path();

// The value of a key in a query; empty: it is not there.
std::string in_query(std::string_view query, std::string_view key);

// A link to a server there. Gives up after `timeout_ms`. tls: not encrypted yet, see encrypt(). Not for servers that
// are started: helper.h.
base::Result<Link> connect(const Address& address, int timeout_ms);

// The same link, encrypted where the address wants it.
base::Result<Link> encrypt(Link link, const Address& address, int timeout_seconds);

// A listening socket: unix sockets are made with mode 0600 and replace a stale one; tcp only on this machine
// unless the address says plaintext.
base::Result<base::Fd> listen(const Address& address);

}  // namespace links
