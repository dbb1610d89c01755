#include "server/greeting.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "api/window.h"
#include "base/log.h"
#include "link/handover.h"
#include "link/memory.h"
#include "link/tcp_options.h"
#include "link/tls.h"
#include "server/cuda/worker.h"
#include "server/returning.h"
#include "wire/message.h"
#include "wire/offer.h"
#include "wire/return.h"

namespace server {
namespace {

constexpr unsigned hello_seconds = 10;
constexpr unsigned way_seconds = 15;  // that a client may take to find out which way it can come

// Reads no byte beyond what it is asked for: those belong to the session's own buffer.
bool read_exactly(links::Link& link, void* to, size_t size) {
  for (auto* place = static_cast<std::byte*>(to); size;) {
    ssize_t got = link.read_some(place, size);
    if (got <= 0) return false;
    place += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool send(links::Link& link, const wire::Welcome& welcome, std::span<const int> descriptors = {}) {
  wire::Writer writer;
  write(writer, welcome);
  wire::FrameHead head{static_cast<uint32_t>(writer.bytes().size()), wire::Kind::welcome, 0};
  iovec pieces[] = {{&head, sizeof head}, {writer.bytes().data(), writer.bytes().size()}};
  return descriptors.empty() ? link.write_all(pieces) : links::send_with(link.socket(), pieces, descriptors);
}

// What a client on this machine shares with its worker.
struct SharedMemory {
  links::Rings rings;
  base::Fd host_area;
};

base::Result<SharedMemory> make_shared_memory() {
  auto rings = TRY(links::Rings::create());
  auto host_area = TRY(links::sealed_memory("outboard-host-area", api::host_area_size));
  return SharedMemory{std::move(rings), std::move(host_area)};
}

// The descriptors may have been lost on the way (a socket that is forwarded): the client says whether it has them.
links::Link share_memory(links::Link link, wire::Welcome& welcome, SharedMemory shared) {
  welcome.granted |= wire::shared_memory;
  const int descriptors[] = {shared.rings.descriptor(), shared.host_area.get()};
  if (!send(link, welcome, descriptors)) leave("the client left during the greeting");
  alarm(hello_seconds);
  wire::FrameHead head{};
  if (!read_exactly(link, &head, sizeof head)) leave("the client left during the greeting");
  alarm(0);
  if (head.kind != wire::Kind::memory || head.size || head.number > 1) leave("the client's greeting has no end");
  if (!head.number) return link;
  worker::share_host_area(shared.host_area.release());
  base::Fd socket(dup(link.socket()));
  if (!socket.valid()) leave("no descriptor is left");
  return links::Link(std::make_unique<links::Memory>(std::move(shared.rings), std::move(socket), links::Rings::worker));
}

// Sends the welcome of a session that its client can come back to; how long it may be away.
std::chrono::milliseconds welcome_to_return(links::Link& link, const wire::Hello& hello, wire::Welcome& welcome,
                                            const ReturnPoint& point, const WorkerOptions& options) {
  const std::chrono::milliseconds grace = std::chrono::seconds(options.grace_seconds);
  welcome.granted |= wire::resumable;
  welcome.session = point.secret().text();
  welcome.grace_ms = static_cast<uint64_t>(grace.count());
  welcome.connections = std::clamp<uint64_t>(hello.connections, 1, wire::most_connections);
  if (!send(link, welcome)) leave("the client left during the greeting");
  return grace;
}

links::LaneOptions lanes_of(const wire::Welcome& welcome) { return {.most = welcome.connections - 1, .open = {}}; }

links::Link await_returns(links::Link link, const wire::Hello& hello, wire::Welcome& welcome, ReturnPoint point,
                          Monitored& monitored, const WorkerOptions& options) {
  point.publish(monitored);  // before the client can come back
  const auto grace = welcome_to_return(link, hello, welcome, point, options);
  auto session = std::make_unique<links::Resumable>(link.take(), grace, links::Resumable::Meet{}, lanes_of(welcome));
  ReturnPoint::serve(std::move(point), *session, options.key, options.lease);
  return links::Link(std::move(session));
}

// Who comes around the pipes until the client's word comes through them.
std::optional<links::Resumable::Return> let_in(links::Link& link, ReturnPoint& point, DirectDoor& door) {
  std::optional<links::Resumable::Return> came;
  auto take = [&came](const links::Resumable::Meet& meet) {
    std::string refused;
    came = meet(0, refused);
    return came.has_value();
  };
  auto not_yet = [](size_t, const ReturnPoint::Greet& greet) { return greet(links::Joining::not_now), false; };
  for (;;) {
    pollfd watched[] = {{link.in(), POLLIN, 0}, {point.descriptor(), POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) continue;
    if (watched[1].revents) point.accept(take, not_yet, door.key());
    if (watched[0].revents) return came;
  }
}

// Offers the way around the pipes, and waits for the client's word whether it came that way.
links::Link offer_direct(links::Link link, const wire::Hello& hello, wire::Welcome& welcome, ReturnPoint point,
                         DirectDoor& door, const WorkerOptions& options) {
  const auto grace = welcome_to_return(link, hello, welcome, point, options);
  alarm(way_seconds);
  std::optional<links::Resumable::Return> came = let_in(link, point, door);
  wire::FrameHead head{};
  if (!read_exactly(link, &head, sizeof head)) leave("the client left during the greeting");
  alarm(0);
  if (head.kind != wire::Kind::way || head.size || head.number > 1 || (head.number && !came))
    leave("the client's greeting has no end");
  if (!head.number) return door.close(), std::move(link);
  door.keep();
  auto session =
      std::make_unique<links::Resumable>(std::move(came->channel), grace, links::Resumable::Meet{}, lanes_of(welcome));
  ReturnPoint::serve(std::move(point), *session, door.key(), options.lease);
  return links::Link(std::move(session));
}

}  // namespace

void leave(const std::string& reason, int code) {
  base::log(base::Level::warn, "client-not-served", {{"reason", reason}});
  _exit(code);
}

void refuse(links::Link& link, const std::string& reason, int code) {
  wire::Welcome welcome;
  welcome.refusal = reason;
  welcome.build = "outboard " OUTBOARD_VERSION;
  send(link, welcome);
  leave(reason, code);
}

links::Link encrypt(links::Link link, const links::ServerKey& key) {
  base::Fd socket(fcntl(link.socket(), F_DUPFD_CLOEXEC, 3));
  if (!socket.valid()) leave("no descriptor is left");
  links::limit_waits(socket.get(), hello_seconds);
  auto channel = links::Tls::accept(std::move(socket), key);
  if (!channel) leave(channel.error());
  return links::Link(std::move(channel.value()));
}

wire::Hello read_hello(links::Link& link) {
  alarm(hello_seconds);  // who says nothing is gone then
  wire::FrameHead head{};
  if (!read_exactly(link, &head, sizeof head)) leave("the client left before its hello");
  if (head.kind != wire::Kind::hello || head.size > wire::max_hello || head.size % 8)
    leave("the peer does not speak Outboard's protocol");
  std::vector<std::byte> payload(head.size);
  if (!read_exactly(link, payload.data(), payload.size())) leave("the client left in the middle of its hello");
  alarm(0);
  auto hello = wire::read_hello(payload);
  if (!hello) leave(hello.error());
  return hello.value();
}

links::Link welcome_client(links::Link link, const wire::Hello& hello, wire::Welcome welcome,
                           const WorkerOptions& options, ReturnPoint* returns, Monitored* monitored, DirectDoor* door) {
  welcome.build = "outboard " OUTBOARD_VERSION;
  welcome.granted |= hello.wishes & wire::service;
  welcome.generation = options.generation;
  if (hello.wishes & wire::shared_memory && link.socket() >= 0 && links::is_unix(link.socket())) {
    auto shared = make_shared_memory();
    if (shared) return share_memory(std::move(link), welcome, std::move(shared.value()));
    base::log(base::Level::warn, "no-shared-memory", {{"reason", shared.error()}});
  }
  bool breaks = options.key || (link.socket() >= 0 && !links::is_unix(link.socket()));
  if (hello.wishes & wire::resumable && breaks && options.grace_seconds && returns && monitored)
    return await_returns(std::move(link), hello, welcome, std::move(*returns), *monitored, options);
  constexpr uint64_t both = wire::resumable | wire::direct;
  const bool here = !hello.machine.empty() && hello.machine == wire::this_machine();
  if ((hello.wishes & both) == both && !here && door && returns && options.grace_seconds && door->offer(welcome))
    return offer_direct(std::move(link), hello, welcome, std::move(*returns), *door, options);
  if (!send(link, welcome)) leave("the client left during the greeting");
  return link;
}

}  // namespace server
