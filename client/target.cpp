// Connecting and greeting: the client's half of the handshake, for the stand-ins and for the command line.
#include "client/target.h"

#include <poll.h>

#include <cstdlib>
#include <ctime>

#include "api/window.h"
#include "link/address.h"
#include "wire/message.h"

namespace client {
namespace {

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// False when the peer closed or the time is over.
bool read_before(links::Link& link, void* to, size_t size, int64_t deadline) {
  for (auto* place = static_cast<std::byte*>(to); size;) {
    pollfd waiting{link.in(), POLLIN, 0};
    int64_t left = deadline - now_ms();
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0) return false;
    ssize_t got = link.read_some(place, size);
    if (got <= 0) return false;
    place += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

// OUTBOARD_CC: the compute capability that the device should claim, if it can choose.
std::string wanted_capability() {
  const char* setting = std::getenv("OUTBOARD_CC");
  return setting ? setting : "";
}

}  // namespace

std::string target_from_environment() {
  const char* target = std::getenv("OUTBOARD_TARGET");
  return target && *target ? target : "unix:" + links::default_socket_path();
}

base::Result<Greeted> greet(const std::string& target, const std::string& program, int timeout_ms,
                            const std::string& checks) {
  links::Address address = TRY(links::parse(target));
  int64_t deadline = now_ms() + timeout_ms;
  links::Link link = TRY(links::connect(address, timeout_ms));
  wire::Hello hello{wire::oldest_version,
                    wire::newest_version,
                    api::window_base,
                    api::window_size,
                    "outboard " OUTBOARD_VERSION,
                    program,
                    wanted_capability(),
                    checks};
  wire::Writer writer;
  wire::write(writer, hello);
  wire::FrameHead head{static_cast<uint32_t>(writer.bytes().size()), wire::Kind::hello, 0};
  iovec pieces[] = {{&head, sizeof head}, {writer.bytes().data(), writer.bytes().size()}};
  if (!link.write_all(pieces)) return base::Error{address.text() + " closed the connection; its log says why"};
  if (!read_before(link, &head, sizeof head, deadline))
    return base::Error{address.text() + " accepted the connection but did not greet; is it an Outboard server?"};
  if (head.kind != wire::Kind::welcome || head.size > wire::max_welcome || head.size % 8)
    return base::Error{address.text() + " is not an Outboard server: it does not speak the protocol"};
  std::vector<std::byte> payload(head.size);
  if (!read_before(link, payload.data(), payload.size(), deadline))
    return base::Error{address.text() + " closed the connection in the middle of its greeting"};
  auto welcome = wire::read_welcome(payload);
  if (!welcome) return base::Error{address.text() + ": " + welcome.error()};
  if (!welcome.value().version) return base::Error{address.text() + " refuses: " + welcome.value().refusal};
  if (welcome.value().version < wire::oldest_version || welcome.value().version > wire::newest_version)
    return base::Error{address.text() +
                       " chose a protocol version that was not offered; update Outboard on both sides"};
  return Greeted{std::move(link), std::move(welcome.value())};
}

}  // namespace client
