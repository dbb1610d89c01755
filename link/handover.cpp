#include "link/handover.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "link/link.h"

namespace links {
namespace {

constexpr size_t most = 4;

}  // namespace

bool is_unix(int socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

bool send_with(int socket, std::span<iovec> pieces, std::span<const int> descriptors, bool wait) {
  alignas(cmsghdr) char control[CMSG_SPACE(most * sizeof(int))] = {};
  size_t size = descriptors.size_bytes();
  for (pieces = after(pieces, 0); !pieces.empty();) {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    if (size && size <= most * sizeof(int)) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(size);
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(size);
      std::memcpy(CMSG_DATA(head), descriptors.data(), size);
    }
    ssize_t done = sendmsg(socket, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    size = 0;
    pieces = after(pieces, static_cast<size_t>(done));
  }
  return true;
}

ssize_t receive_with(int socket, void* to, size_t room, std::vector<base::Fd>& received, bool wait) {
  alignas(cmsghdr) char control[CMSG_SPACE(most * sizeof(int))];
  iovec piece{to, room};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  while (got < 0 && errno == EINTR);
  if (got < 0) return got;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + sizeof(int) <= head->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int descriptor;
      std::memcpy(&descriptor, CMSG_DATA(head) + at, sizeof descriptor);
      base::Fd owned(descriptor);
      if (received.size() < most) received.push_back(std::move(owned));
    }
  }
  return got;
}

}  // namespace links
