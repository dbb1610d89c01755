#include "client/probe.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "client/target.h"
#include "link/address.h"
#include "wire/message.h"

namespace client {
namespace {

constexpr int greeting_ms = 10000;
constexpr int round_trips = 200;
constexpr size_t bulk = size_t{4} << 20;
constexpr int bulks = 8;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A call of function 0, which there is not: the server reads it whole and answers.
bool ask(links::Link& link, links::Input& input, std::vector<std::byte>& payload) {
  wire::FrameHead head{static_cast<uint32_t>(payload.size()), wire::Kind::call_alone, 1};
  iovec pieces[] = {{&head, sizeof head}, {payload.data(), payload.size()}};
  wire::ReplyHead reply{};
  return link.write_all(pieces) && input.read(&head, sizeof head) && head.kind == wire::Kind::reply &&
         head.size == sizeof reply && input.read(&reply, sizeof reply);
}

std::string kind_of(const Greeted& greeted, const links::Address& address) {
  using Kind = links::Address::Kind;
  if (greeted.host_area.valid()) return "shared memory";
  switch (address.kind) {
    case Kind::unix_socket: return "unix socket";
    case Kind::tcp: return "tcp";
    case Kind::tls: return "tls";
    case Kind::vsock: return "vsock";
    case Kind::command:
    case Kind::ssh:
    case Kind::slurm: return greeted.way.starts_with("directly") ? greeted.way : "pipes";
  }
  return {};
}

}  // namespace

base::Result<LinkFigures> probe_link(const std::string& target, double seconds) {
  const links::Address address = TRY(find_door(target)).address;
  Greeted greeted = TRY(greet(target, "outboard targets --probe", greeting_ms, {}, usual_wishes()));
  links::Input input(greeted.link);
  LinkFigures figures{kind_of(greeted, address)};
  std::vector<std::byte> small(sizeof(wire::CallHead)), large(bulk);
  std::vector<double> times, rates;
  const double begin = now();
  for (int i = 0; i < round_trips + bulks; ++i) {
    bool is_small = i < round_trips;
    if (now() - begin > (is_small ? seconds / 2 : seconds) && !(is_small ? times : rates).empty()) continue;
    double start = now();
    if (!ask(greeted.link, input, is_small ? small : large)) return base::Error{"the server closed the connection"};
    double took = now() - start;
    (is_small ? times : rates).push_back(is_small ? took * 1e6 : bulk / took / 1e9);
  }
  std::ranges::sort(times);
  std::ranges::sort(rates);
  figures.round_trip_us = times[times.size() / 2];
  figures.gb_per_s = rates[rates.size() / 2];
  if (const size_t connections = greeted.link.channel().connections(); connections > 1)
    figures.kind += ", " + std::to_string(connections) + " connections for bulk";
  greeted.link.channel().farewell();
  return figures;
}

}  // namespace client
