// Descriptors through a unix socket, together with bytes (unix(7), SCM_RIGHTS).
#pragma once
#include <sys/uio.h>

#include <span>
#include <vector>

#include "base/fd.h"

namespace links {

bool is_unix(int socket);
// All bytes, the descriptors with the first of them. At most four descriptors.
bool send_with(int socket, std::span<iovec> pieces, std::span<const int> descriptors);
// As recv(2); descriptors that come along are appended to `received`, where `received` allows four at most.
ssize_t receive_with(int socket, void* to, size_t room, std::vector<base::Fd>& received);

}  // namespace links
