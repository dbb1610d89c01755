// Descriptors through a unix socket, together with bytes (unix(7), SCM_RIGHTS).
#pragma once
#include <sys/uio.h>

#include <span>
#include <vector>

#include "base/fd.h"

namespace links {

bool is_unix(int socket);
// All bytes, the descriptors with the first of them. At most four descriptors.
// False: the peer is gone, or (without `wait`) takes nothing now.
bool send_with(int socket, std::span<iovec> pieces, std::span<const int> descriptors, bool wait = true);
// As recv(2), without `wait` with MSG_DONTWAIT; descriptors that come along are appended to `received`, where
// `received` allows four at most.
ssize_t receive_with(int socket, void* to, size_t room, std::vector<base::Fd>& received, bool wait = true);

}  // namespace links
