// Connecting and greeting: the client's half of the handshake, for the stand-ins and for the command line.
#include "client/target.h"

#include <poll.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "api/window.h"
#include "client/joined.h"
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

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

struct Choice {
  std::string target, vgpu;
  bool made = false;
};
Choice& chosen() {
  static auto* choice = new Choice;  // programs call the driver while they exit
  return *choice;
}

constexpr int waiting_ms = 30000;  // most between two words of a server that lets us wait

// The first frame that is no word about the queue.
bool read_head(links::Link& link, wire::FrameHead& head, int64_t& deadline, const std::string& where) {
  for (;;) {
    if (!read_before(link, &head, sizeof head, deadline)) return false;
    if (head.kind != wire::Kind::waiting || head.size != 0) return true;
    static uint64_t told = 0;
    if (head.number != told)
      std::fprintf(stderr, "outboard: waiting for a place at %s: number %llu in the queue\n", where.c_str(),
                   static_cast<unsigned long long>(head.number));
    told = head.number;
    deadline = now_ms() + waiting_ms;
  }
}

wire::Hello make_hello(const std::string& program, const std::string& checks, const std::string& token,
                       uint64_t wishes) {
  // OUTBOARD_CC: the compute capability that the device should claim, if it can choose.
  if (setting("OUTBOARD_QUEUE") == "1") wishes |= wire::queue;
  return {wire::oldest_version,
          wire::newest_version,
          api::window_base,
          api::window_size,
          "outboard " OUTBOARD_VERSION,
          program,
          setting("OUTBOARD_CC"),
          checks,
          token,
          wishes,
          chosen().made ? chosen().vgpu : setting("OUTBOARD_VGPU")};
}

}  // namespace

void choose_target(const std::string& target, const std::string& vgpu) { chosen() = {target, vgpu, true}; }
void forget_target() { chosen() = {}; }

std::string target_from_environment() {
  if (chosen().made) return chosen().target;
  const char* target = std::getenv("OUTBOARD_TARGET");
  return target && *target ? target : "unix:" + links::default_socket_path();
}

base::Result<Door> find_door(const std::string& target) {
  auto joined = find_joined(target);
  if (!joined) return Door{TRY(links::parse(target)), setting("OUTBOARD_TOKEN"), {}};
  const bool brackets = joined->host.find(':') != std::string::npos;
  auto address = TRY(links::parse("tcp:" + (brackets ? "[" + joined->host + "]" : joined->host) + ":" + joined->port));
  if (joined->fingerprint == "-") return Door{address, joined->secret, {}};
  return Door{address, joined->secret, joined->fingerprint};
}

base::Result<Greeted> greet(const std::string& target, const std::string& program, int timeout_ms,
                            const std::string& checks, uint64_t wishes) {
  const Door door = TRY(find_door(target));
  const links::Address& address = door.address;
  int64_t deadline = now_ms() + timeout_ms;
  links::Link link = TRY(links::connect(address, timeout_ms));
  const wire::Hello hello = make_hello(program, checks, door.token, wishes);
  wire::Writer writer;
  wire::write(writer, hello);
  wire::FrameHead head{static_cast<uint32_t>(writer.bytes().size()), wire::Kind::hello, 0};
  iovec pieces[] = {{&head, sizeof head}, {writer.bytes().data(), writer.bytes().size()}};
  if (!link.write_all(pieces)) return base::Error{address.text() + " closed the connection; its log says why"};
  if (!read_head(link, head, deadline, target))
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
