#include "exec/far/supervision.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>

#include "exec/far/place.h"

namespace exec {
namespace {

// By the folder's descriptor, which makes the name short (unix(7) allows 107 bytes).
struct Name {
  explicit Name(const char* path) : folder(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", folder.get(), socket_name);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  base::Fd folder;
  sockaddr_un address{};
};

}  // namespace

base::Fd listen_in(const char* folder) {
  Name name(folder);
  unlink(name.address.sun_path);
  base::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (bind(socket.get(), name.get(), sizeof name.address) < 0 || listen(socket.get(), 16) < 0) return {};
  return socket;
}

base::Fd connect_in(const char* folder) {
  Name name(folder);
  base::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (connect(socket.get(), name.get(), sizeof name.address) < 0) return {};
  return socket;
}

}  // namespace exec
