// Connecting and greeting: the client's half of the handshake, for the stand-ins and for the command line.
#include "client/target.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include "api/window.h"
#include "client/joined.h"
#include "client/returning.h"
#include "client/upgrade.h"
#include "link/address.h"
#include "link/handover.h"
#include "link/helper.h"
#include "link/memory.h"
#include "link/resumable.h"
#include "wire/message.h"
#include "wire/offer.h"
#include "wire/return.h"

namespace client {
namespace {

constexpr uint64_t longest_grace_ms = 86'400'000;

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

constexpr const char* build = "outboard " OUTBOARD_VERSION;
constexpr int looking_around_ms = 5000;  // who has no more time than this shows what there is, and asks nobody
constexpr int waiting_ms = 30000;        // most between two words of a server that lets us wait

// What comes from a server until its welcome is read: bytes, and over a unix socket descriptors with them.
class Arrival {
 public:
  Arrival(links::Link& link, int64_t deadline) : link_(link), deadline_(deadline) {}

  // False when the peer closed or the time is over.
  bool read(void* to, size_t size) {
    for (auto* place = static_cast<std::byte*>(to); size;) {
      int64_t left = deadline_ - now_ms();
      if (left <= 0 || !link_.channel().wait(true, false, static_cast<int>(left)).reading) return false;
      ssize_t got = link_.socket() >= 0 ? links::receive_with(link_.socket(), place, size, descriptors_)
                                        : link_.channel().read_now(place, size);
      if (got < 0 && errno == EAGAIN) continue;
      if (got <= 0) return false;
      place += got;
      size -= static_cast<size_t>(got);
    }
    return true;
  }
  // The first frame that is no word about the queue.
  bool read_head(wire::FrameHead& head, const std::string& where) {
    for (;;) {
      if (!read(&head, sizeof head)) return false;
      if (head.kind != wire::Kind::waiting || head.size != 0) return true;
      if (head.number != told_)
        std::fprintf(stderr, "outboard: waiting for a place at %s: number %llu in the queue\n", where.c_str(),
                     static_cast<unsigned long long>(head.number));
      told_ = head.number;
      deadline_ = now_ms() + waiting_ms;
    }
  }
  std::vector<base::Fd>& descriptors() { return descriptors_; }

 private:
  links::Link& link_;
  int64_t deadline_;
  uint64_t told_ = 0;  // its position in the queue
  std::vector<base::Fd> descriptors_;
};

// Tells the server whether its memory has come, and uses it if so.
base::Status use_memory(Greeted& greeted, std::vector<base::Fd>& descriptors) {
  if (!(greeted.welcome.granted & wire::shared_memory)) return base::Done{};
  bool came = descriptors.size() == 2 && links::check_sealed(descriptors[1], api::host_area_size);
  auto rings = came ? links::Rings::adopt(std::move(descriptors[0])) : base::Error{"lost on the way"};
  wire::FrameHead head{0, wire::Kind::memory, rings.ok()};
  iovec piece[] = {{&head, sizeof head}};
  if (!greeted.link.write_all(piece)) return base::Error{"the server closed the connection during the greeting"};
  if (!rings) return base::Done{};
  base::Fd socket(fcntl(greeted.link.socket(), F_DUPFD_CLOEXEC, 3));
  if (!socket.valid()) return base::Error{"no descriptor is left"};
  greeted.link =
      links::Link(std::make_unique<links::Memory>(std::move(rings.value()), std::move(socket), links::Rings::client));
  greeted.host_area = std::move(descriptors[1]);
  return base::Done{};
}

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// OUTBOARD_PLAINTEXT=1 (run --plaintext): tcp to other machines, readable and changeable by whoever is in between.
bool allows_plaintext() { return setting("OUTBOARD_PLAINTEXT") == "1"; }

struct Choice {
  std::string target, vgpu;
  bool made = false;
};
Choice& chosen() {
  static auto* choice = new Choice;  // programs call the driver while they exit
  return *choice;
}

wire::Hello make_hello(const std::string& program, const std::string& checks, const std::string& token, uint64_t wishes,
                       const std::string& purpose) {
  // OUTBOARD_CC: the compute capability that the device should claim, if it can choose.
  if (setting("OUTBOARD_QUEUE") == "1") wishes |= wire::queue;
  return {wire::oldest_version,
          wire::newest_version,
          api::window_base,
          api::window_size,
          build,
          program,
          setting("OUTBOARD_CC"),
          checks,
          token,
          wishes,
          chosen().made ? chosen().vgpu : setting("OUTBOARD_VGPU"),
          purpose,
          0,
          0};
}

// How many connections a session's bulk may use (docs/performance.md): an encrypted one keeps a processor at each end
// busy, so two gain where there are more of them. Plain ones have not been measured. OUTBOARD_CONNECTIONS says
// otherwise.
uint64_t wished_connections(const links::Address& address, uint64_t wishes) {
  if (!(wishes & wire::resumable)) return 0;
  const std::string wanted = setting("OUTBOARD_CONNECTIONS");
  if (!wanted.empty())
    return std::clamp<uint64_t>(std::strtoull(wanted.c_str(), nullptr, 10), 1, wire::most_connections);
  const bool encrypted = address.kind == links::Address::Kind::tls || wishes & wire::direct;
  return encrypted && std::thread::hardware_concurrency() >= 4 ? 2 : 1;
}

struct Opened {
  links::Link link;
  base::Fd helper;
  uint64_t generation = 0;  // the latest server of this place
};

// A server that must be started first takes the time that its start takes, unless somebody only looks around.
base::Result<Opened> open(const links::Address& address, int timeout_ms, uint64_t wishes) {
  if (address.is_started()) {
    const bool looks_around = wishes & wire::ask_only && timeout_ms <= looking_around_ms;
    links::Started started = TRY(links::start(address, looks_around));
    return Opened{std::move(started.link), std::move(started.helper), started.generation};
  }
  links::Link link = TRY(links::connect(address, timeout_ms));
  return Opened{TRY(links::encrypt(std::move(link), address, timeout_ms / 1000 + 1)), {}, 0};
}

base::Status say_hello(links::Link& link, const links::Address& address, const wire::Hello& hello) {
  wire::Writer writer;
  wire::write(writer, hello);
  wire::FrameHead head{static_cast<uint32_t>(writer.bytes().size()), wire::Kind::hello, 0};
  iovec pieces[] = {{&head, sizeof head}, {writer.bytes().data(), writer.bytes().size()}};
  if (!link.write_all(pieces)) return base::Error{address.text() + " closed the connection; its log says why"};
  return base::Done{};
}

base::Result<wire::Welcome> read_welcome(Arrival& arrival, const links::Address& address, const std::string& target) {
  wire::FrameHead head{};
  if (!arrival.read_head(head, target))
    return base::Error{address.text() + " accepted the connection but did not greet; is it an Outboard server?"};
  if (head.kind != wire::Kind::welcome || head.size > wire::max_welcome || head.size % 8)
    return base::Error{address.text() + " is not an Outboard server: it does not speak the protocol"};
  std::vector<std::byte> payload(head.size);
  if (!arrival.read(payload.data(), payload.size()))
    return base::Error{address.text() + " closed the connection in the middle of its greeting"};
  auto welcome = wire::read_welcome(payload);
  if (!welcome) return base::Error{address.text() + ": " + welcome.error()};
  const uint32_t version = welcome.value().version;
  if (!version)
    return base::Error{address.text() + " refuses: " + welcome.value().refusal +
                       (address.kind == links::Address::Kind::ssh && welcome.value().build != build
                            ? "; it runs " + welcome.value().build + ", this is " + build +
                                  "; --bootstrap takes a copy of this one there"
                            : "")};
  if (version < wire::oldest_version || version > wire::newest_version)
    return base::Error{address.text() + " (" + welcome.value().build + ") chose protocol version " +
                       std::to_string(version) + ", which this client (" + build +
                       ") did not offer; update Outboard on both sides"};
  return std::move(welcome.value());
}

// `address`: where the session's worker is met again.
links::Link resumable(std::unique_ptr<links::Channel> channel, const links::Address& address,
                      const wire::Welcome& welcome, links::Resumable::Meet reconnect) {
  std::chrono::milliseconds grace(std::min(welcome.grace_ms, longest_grace_ms));
  links::LaneOptions lanes;
  lanes.most = std::clamp<uint64_t>(welcome.connections, 1, wire::most_connections) - 1;
  lanes.open = come_beside(address, welcome.session);
  return links::Link(
      std::make_unique<links::Resumable>(std::move(channel), grace, std::move(reconnect), std::move(lanes)));
}

// Around the pipes where the server can be met there; it is told which way was taken.
base::Status choose_way(Greeted& greeted, const links::Address& address, base::Fd helper) {
  auto direct = go_direct(address, greeted.welcome);
  wire::FrameHead head{0, wire::Kind::way, direct.has_value()};
  iovec piece[] = {{&head, sizeof head}};
  if (!greeted.link.write_all(piece)) return base::Error{"the server closed the connection during the greeting"};
  if (!direct) return base::Done{};
  greeted.way = "directly, over TLS to " + direct->address.where + ":" + direct->address.port;
  auto meet = come_back_directly(*direct, greeted.welcome.session, std::move(helper));
  greeted.link = resumable(std::move(direct->met.channel), direct->address, greeted.welcome, std::move(meet));
  return base::Done{};
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
  if (!joined) return Door{TRY(links::parse(target)), setting("OUTBOARD_TOKEN")};
  return Door{TRY(address_of(*joined)), joined->secret};
}

uint64_t usual_wishes() {
  const char* setting = std::getenv("OUTBOARD_SHARED_MEMORY");
  return setting && !std::strcmp(setting, "off") ? wire::resumable : wire::shared_memory | wire::resumable;
}

base::Result<Greeted> greet(const std::string& target, const std::string& program, int timeout_ms,
                            const std::string& checks, uint64_t wishes, const std::string& purpose) {
  Door door = TRY(find_door(target));
  links::Address& address = door.address;
  address.plaintext = allows_plaintext();
  if (wishes & wire::resumable && wishes_direct(address)) wishes |= wire::direct;
  Opened opened = TRY(open(address, timeout_ms, wishes));
  wire::Hello hello = make_hello(program, checks, door.token, wishes, purpose);
  hello.generation = opened.generation;
  hello.connections = wished_connections(address, wishes);
  if (address.kind == links::Address::Kind::command) hello.machine = wire::this_machine();
  TRY(say_hello(opened.link, address, hello));
  Arrival arrival(opened.link, now_ms() + timeout_ms);
  Greeted greeted{{}, TRY(read_welcome(arrival, address, target)), {}, {}};
  if (greeted.welcome.generation < opened.generation)
    return base::Error{address.text() + " is of generation " + std::to_string(greeted.welcome.generation) +
                       ", and generation " + std::to_string(opened.generation) + " has taken its place"};
  greeted.link = std::move(opened.link);
  if (address.is_pipe()) greeted.way = "over the command's pipes";
  TRY(use_memory(greeted, arrival.descriptors()));
  if (greeted.welcome.granted & wire::direct) {
    TRY(choose_way(greeted, address, std::move(opened.helper)));
  } else if (greeted.welcome.granted & wire::resumable) {
    greeted.link =
        resumable(greeted.link.take(), address, greeted.welcome, come_back(address, greeted.welcome.session));
  }
  if (setting("OUTBOARD_VERBOSE") == "1" && !greeted.way.empty() && !(wishes & wire::ask_only))
    std::fprintf(stderr, "outboard: %s: %s\n", address.text().c_str(), greeted.way.c_str());
  return greeted;
}

}  // namespace client
