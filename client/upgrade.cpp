#include "client/upgrade.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "client/returning.h"
#include "link/handover.h"
#include "link/helper.h"
#include "wire/message.h"
#include "wire/offer.h"

namespace client {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds reaching{1000};  // a firewall that drops packets must not cost more

base::Fd begin_connecting(const std::string& host, const std::string& port) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &list)) return {};
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  base::Fd socket(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.valid() && ::connect(socket.get(), list->ai_addr, list->ai_addrlen) < 0 && errno != EINPROGRESS) return {};
  return socket;
}

// The host of all that takes a connection first; empty: none does in time.
std::string first_to_answer(const wire::Offer& offer) {
  std::vector<base::Fd> sockets;
  for (const std::string& host : offer.hosts) sockets.push_back(begin_connecting(host, offer.port));
  for (auto until = Clock::now() + reaching; Clock::now() < until;) {
    std::vector<pollfd> watched;
    for (const base::Fd& socket : sockets) watched.push_back({socket.get(), POLLOUT, 0});
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (poll(watched.data(), watched.size(), static_cast<int>(left.count())) < 0) continue;
    bool waiting = false;
    for (size_t i = 0; i < sockets.size(); ++i) {
      int error = 0;
      socklen_t size = sizeof error;
      if (watched[i].revents && getsockopt(sockets[i].get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && !error)
        return offer.hosts[i];
      if (watched[i].revents) sockets[i].close();
      waiting = waiting || sockets[i].valid();
    }
    if (!waiting) break;
  }
  return {};
}

// The helper ends the connection when the place is gone: a machine that died says nothing by itself.
void tell(int helper, const links::Channel& channel) {
  links::HelperMessage message{links::HelperMessage::moved, 0, 0, {}};
  iovec piece[] = {{&message, sizeof message}};
  const int descriptor[] = {channel.descriptor()};
  links::send_with(helper, piece, descriptor, false);
}

}  // namespace

bool wishes_direct(const links::Address& address) {
  const char* set = std::getenv("OUTBOARD_DIRECT");
  return address.is_pipe() && !(set && !std::strcmp(set, "off"));
}

std::optional<Direct> go_direct(const links::Address& target, const wire::Welcome& welcome) {
  wire::Offer offer;
  if (!wire::parse(welcome.offer, offer)) return {};
  // On one machine nothing is quicker than the pipe that a command of ours is at the end of. Servers that are told our
  // machine do not offer it then; older ones do.
  const bool here = offer.machine == wire::this_machine();
  if (here && target.kind == links::Address::Kind::command) return {};
  if (!here)
    std::erase_if(offer.hosts, [](const std::string& host) { return host.starts_with("127.") || host == "::1"; });
  const std::string host = first_to_answer(offer);
  if (host.empty()) return {};
  links::Address address{links::Address::Kind::tls, host, offer.port, offer.fingerprint};
  std::string refused;
  auto met = come_back(address, welcome.session)(0, refused);
  if (!met || met->received) return {};
  return Direct{address, std::move(*met)};
}

links::Resumable::Meet come_back_directly(const Direct& direct, const std::string& session, base::Fd helper) {
  auto meet = come_back(direct.address, session);
  if (!helper.valid()) return meet;
  tell(helper.get(), *direct.met.channel);
  auto kept = std::make_shared<base::Fd>(std::move(helper));
  return [meet, kept](uint64_t received, std::string& refused) -> std::optional<links::Resumable::Return> {
    char byte;
    if (recv(kept->get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
      return refused = "the server there has ended", std::nullopt;
    auto back = meet(received, refused);
    if (back) tell(kept->get(), *back->channel);
    return back;
  };
}

}  // namespace client
