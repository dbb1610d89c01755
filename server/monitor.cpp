#include "server/monitor.h"

#include <vector>

#include "link/handover.h"

namespace server {

bool send_message(int socket, const void* message, size_t size, int descriptor, bool wait) {
  iovec piece[] = {{const_cast<void*>(message), size}};
  return links::send_with(socket, piece, {&descriptor, descriptor >= 0 ? size_t{1} : 0}, wait);
}

bool receive_message(int socket, void* message, size_t size, base::Fd* descriptor, bool wait) {
  std::vector<base::Fd> arrived;
  ssize_t got = links::receive_with(socket, message, size, arrived, wait);
  if (descriptor) *descriptor = arrived.empty() ? base::Fd() : std::move(arrived.back());
  return got == static_cast<ssize_t>(size);
}

}  // namespace server
