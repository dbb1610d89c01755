// How a server is named: unix:PATH, tcp:HOST:PORT, via:COMMAND.
#pragma once
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "link/link.h"

namespace links {

struct Address {
  enum class Kind { unix_socket, tcp, command };
  Kind kind;
  std::string where;  // path, host or command
  std::string port;   // tcp

  std::string text() const;
};

base::Result<Address> parse(std::string_view text);

// $XDG_RUNTIME_DIR/outboard.sock, or outboard-UID/outboard.sock in the folder for temporary files.
std::string default_socket_path();

// A link to a server there. Gives up after `timeout_ms`.
base::Result<Link> connect(const Address& address, int timeout_ms);

// A listening socket: unix sockets are made with mode 0600 and replace a stale one; tcp only on this machine.
base::Result<base::Fd> listen(const Address& address);

}  // namespace links
