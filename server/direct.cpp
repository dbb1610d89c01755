#include "server/direct.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>

#include "link/handover.h"
#include "link/tcp_options.h"
#include "wire/message.h"
#include "wire/offer.h"
#include "wire/return.h"

namespace server {
namespace {

constexpr std::chrono::seconds head_time{5};  // that a stranger may take for his first words

// What the doorkeeper says when it listens.
struct Listening {
  char words[1000];  // port and addresses, as in an offer
};

std::string in_numbers(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET)
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
  if (address->sa_family == AF_INET6)
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text, sizeof text);
  return text;
}

// At an address in numbers; empty: at all that this machine has.
base::Fd listen_at(const std::string& host) {
  sockaddr_in6 six{};
  sockaddr_in four{};
  six.sin6_family = AF_INET6;
  four.sin_family = AF_INET;
  const bool is_four = inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1;
  if (!is_four && !host.empty() && inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) != 1) return {};
  base::Fd socket(::socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid() && host.empty()) return listen_at("0.0.0.0");  // a machine without IPv6
  int off = 0;
  if (!is_four) setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  auto* at = is_four ? reinterpret_cast<sockaddr*>(&four) : reinterpret_cast<sockaddr*>(&six);
  if (bind(socket.get(), at, is_four ? sizeof four : sizeof six) < 0 || listen(socket.get(), 4) < 0) return {};
  return socket;
}

std::string port_of(int socket) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) < 0) return {};
  return std::to_string(ntohs(reinterpret_cast<sockaddr_in*>(&at)->sin_port));  // both families have it there
}

// Of the interfaces that are up; the loopback last, for a client on this machine.
std::string own_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) < 0) return {};
  std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::string others, loopback;
  for (const ifaddrs* each = list; each; each = each->ifa_next) {
    if (!each->ifa_addr || !(each->ifa_flags & IFF_UP)) continue;
    std::string text = in_numbers(each->ifa_addr);
    if (text.empty() || text.starts_with("fe80:")) continue;  // of a link: means nothing elsewhere
    (each->ifa_flags & IFF_LOOPBACK ? loopback : others) += " " + text;
  }
  return others + loopback;
}

// Where ssh came in is where the client can reach; a Slurm job may have inherited the variable from another machine,
// whose address cannot be bound here.
base::Fd open_listener(std::string& words) {
  std::string client, client_port, here;
  if (const char* connection = std::getenv("SSH_CONNECTION"))  // ssh(1), ENVIRONMENT
    std::istringstream(connection) >> client >> client_port >> here;
  base::Fd socket = here.empty() ? base::Fd() : listen_at(here);
  if (socket.valid()) return words = port_of(socket.get()) + " " + here, std::move(socket);
  socket = listen_at("");
  if (socket.valid()) words = port_of(socket.get()) + own_addresses();
  return socket;
}

bool read_head(int client, wire::ReturnHead& head) {
  auto* place = reinterpret_cast<std::byte*>(&head);
  const auto until =
      std::chrono::steady_clock::now() + head_time;  // of all of them: a slow one must not keep others out
  for (size_t left = sizeof head; left;) {
    pollfd waiting{client, POLLIN, 0};
    const auto time = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (time.count() <= 0 || poll(&waiting, 1, static_cast<int>(time.count())) <= 0) return false;
    ssize_t got = recv(client, place, left, MSG_DONTWAIT);
    if (got <= 0) return false;
    place += got;
    left -= static_cast<size_t>(got);
  }
  return std::memcmp(head.magic, wire::return_magic, sizeof head.magic) == 0;
}

// Lets those in who know the session, one after the other. It reads 24 bytes of a stranger's and no more.
void keep_door(int listener, int control, int door, const uint8_t (&session)[16]) {
  for (;;) {
    pollfd watched[] = {{listener, POLLIN, 0}, {control, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0 && errno != EINTR) return;
    if (watched[1].revents) return;  // the worker has closed its end
    if (!watched[0].revents) continue;
    base::Fd client(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    wire::ReturnHead head{};
    if (!client.valid() || !read_head(client.get(), head)) continue;
    const bool known = std::equal(std::begin(session), std::end(session), head.id);
    links::set_tcp_options(client.get());
    char byte = 0;
    iovec piece[] = {{&byte, 1}};
    const int descriptor[] = {client.get()};
    uint64_t no = 0;
    if (known)
      links::send_with(door, piece, descriptor);
    else
      ::send(client.get(), &no, sizeof no, MSG_NOSIGNAL);
  }
}

[[noreturn]] void become_doorkeeper(int control, int door, const uint8_t (&session)[16]) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int low = std::min(control, door), high = std::max(control, door);
  close_range(0, static_cast<unsigned>(low) - 1, 0);
  if (high > low + 1) close_range(static_cast<unsigned>(low) + 1, static_cast<unsigned>(high) - 1, 0);
  close_range(static_cast<unsigned>(high) + 1, ~0u, 0);
  char asked;
  if (recv(control, &asked, 1, 0) != 1) _exit(0);
  std::string words;
  base::Fd listener = open_listener(words);
  Listening answer{};
  std::memcpy(answer.words, words.data(), std::min(words.size(), sizeof answer.words - 1));
  if (::send(control, &answer, sizeof answer, MSG_NOSIGNAL) > 0 && listener.valid())
    keep_door(listener.get(), control, door, session);
  _exit(0);
}

}  // namespace

base::Result<DirectDoor> DirectDoor::create(const ReturnPoint& returns) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return base::Error{std::string("no socket for a doorkeeper: ") + std::strerror(errno)};
  base::Fd ours(ends[0]), theirs(ends[1]);
  pid_t pid = fork();
  if (pid == 0) become_doorkeeper(theirs.get(), returns.door().get(), returns.secret().id);
  if (pid < 0) return base::Error{std::string("no process for a doorkeeper: ") + std::strerror(errno)};
  DirectDoor door;
  door.doorkeeper_ = std::move(ours);
  door.machine_ = wire::this_machine();
  return door;
}

bool DirectDoor::offer(wire::Welcome& welcome) {
  static std::optional<links::ServerKey> key;  // as long as the process, which has one session
  auto made = links::ServerKey::create();
  char open = 1;
  Listening answer{};
  if (!made || ::send(doorkeeper_.get(), &open, 1, MSG_NOSIGNAL) != 1 ||
      recv(doorkeeper_.get(), &answer, sizeof answer, 0) != sizeof answer)
    return false;
  key = std::move(made.value());
  key_ = &*key;
  wire::Offer offer{machine_, key->fingerprint(), {}, {}};
  std::istringstream words(std::string(answer.words, strnlen(answer.words, sizeof answer.words)));
  words >> offer.port;
  for (std::string host; words >> host;) offer.hosts.push_back(host);
  if (offer.hosts.empty()) return false;
  welcome.granted |= wire::direct;
  welcome.offer = wire::text_of(offer);
  return true;
}

}  // namespace server
