// unix(7), SCM_RIGHTS.
#include "server/monitor.h"

#include <cerrno>

namespace server {

bool send_message(int socket, const void* message, size_t size, int descriptor, bool wait) {
  iovec piece{const_cast<void*>(message), size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr head{};
  head.msg_iov = &piece;
  head.msg_iovlen = 1;
  if (descriptor >= 0) {
    head.msg_control = control;
    head.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&head);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &head, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

bool receive_message(int socket, void* message, size_t size, base::Fd* descriptor, bool wait) {
  iovec piece{message, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr head{};
  head.msg_iov = &piece;
  head.msg_iovlen = 1;
  head.msg_control = control;
  head.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(socket, &head, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  while (got < 0 && errno == EINTR);
  base::Fd arrived;
  for (cmsghdr* each = CMSG_FIRSTHDR(&head); got >= 0 && each; each = CMSG_NXTHDR(&head, each)) {
    int number = -1;
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS || each->cmsg_len != CMSG_LEN(sizeof number))
      continue;
    std::memcpy(&number, CMSG_DATA(each), sizeof number);
    arrived = base::Fd(number);
  }
  if (descriptor) *descriptor = std::move(arrived);
  return got == static_cast<ssize_t>(size);
}

}  // namespace server
