// Is an address this machine's own? Plain tcp goes nowhere else.
#pragma once
#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>

namespace links {

inline bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24) == 127;
  if (address->sa_family == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  if (address->sa_family == AF_VSOCK) return reinterpret_cast<const sockaddr_vm*>(address)->svm_cid == VMADDR_CID_LOCAL;
  return false;
}

}  // namespace links
