// Coming to a server for something else than the driver's calls (server/services.h): shipping a program, a diagnosis,
// a desktop.
#pragma once
#include <string>

#include "base/result.h"
#include "link/link.h"

namespace client {

// Connects to `target` (an address or the name of a server that was joined), and asks for `purpose`. What comes after
// are that service's own bytes. A connection over TCP or TLS may break; the link takes it up again.
base::Result<links::Link> open_service(const std::string& target, const std::string& purpose, int timeout_ms = 20000);

}  // namespace client
