#include "server/services.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "base/log.h"

namespace server {
namespace {

constexpr size_t piece_size = 256 << 10;

// What a child has of the server's that is not a descriptor.
void leave_server() {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal : {SIGTERM, SIGINT, SIGCHLD}) std::signal(signal, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
}

[[noreturn]] void become_service(const Service& service, base::Fd stream, const ServiceRequest& request) {
  leave_server();
  const int kept = stream.release();
  close_range(3, static_cast<unsigned>(kept) - 1, 0);
  close_range(static_cast<unsigned>(kept) + 1, ~0u, 0);
  base::log(base::Level::info, "service",
            {{"purpose", service.purpose}, {"program", request.program}, {"peer", request.peer}});
  _exit(service.run(links::Link(base::Fd(kept)), request));
}

bool write_all(int socket, const std::byte* bytes, size_t size) {
  while (size) {
    ssize_t put = send(socket, bytes, size, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes += put;
    size -= static_cast<size_t>(put);
  }
  return true;
}

void carry_to_service(links::Link& client, int service) {
  std::vector<std::byte> piece(piece_size);
  for (ssize_t got; (got = client.read_some(piece.data(), piece.size())) > 0;)
    if (!write_all(service, piece.data(), static_cast<size_t>(got))) break;
  shutdown(service, SHUT_WR);
}

}  // namespace

base::Result<const Service*> find_service(std::span<const Service> services, const std::string& purpose) {
  for (const Service& service : services)
    if (purpose == service.purpose) return &service;
  return base::Error{services.empty()
                         ? "this server makes GPU calls and nothing else; outboard serve --stdio --exec does more"
                         : "this server does not know '" + purpose + "'; update Outboard there"};
}

base::Result<base::Fd> start_service(const Service& service, const ServiceRequest& request) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return base::Error{std::string("the server cannot start this service: ") + std::strerror(errno)};
  base::Fd near(ends[0]), far(ends[1]);
  pid_t pid = fork();
  if (pid == 0) become_service(service, std::move(far), request);
  if (pid < 0) return base::Error{std::string("the server cannot start this service: ") + std::strerror(errno)};
  return near;
}

void tend_services(std::span<const Service> services) {
  if (std::ranges::none_of(services, &Service::tend) || fork() != 0) return;
  leave_server();
  close_range(3, ~0u, 0);
  for (const Service& service : services)
    if (service.tend) service.tend();
  _exit(0);
}

void relay(links::Link client, base::Fd service) {
  std::thread([&client, socket = service.get()] { carry_to_service(client, socket); }).detach();
  std::vector<std::byte> piece(piece_size);
  for (;;) {
    ssize_t got = read(service.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    iovec whole[] = {{piece.data(), static_cast<size_t>(got)}};
    if (!client.write_all(whole)) break;
  }
  client.channel().farewell();
  _exit(0);
}

}  // namespace server
