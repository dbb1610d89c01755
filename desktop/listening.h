// Sockets that a session is reached by: loopback ports and unix sockets, never more.
#pragma once
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace desktop {

// 127.0.0.1; `port` 0: any free one; is set to the one that it is.
base::Result<base::Fd> listen_on_loopback(int& port);
// Mode 0600.
base::Result<base::Fd> listen_on_socket(const std::string& path);

}  // namespace desktop
