#include "server/returning.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "base/log.h"
#include "link/handover.h"
#include "link/tcp_options.h"
#include "link/tls.h"

namespace server {
namespace {

constexpr unsigned head_seconds = 10;
constexpr int answer_seconds = 5;

bool read(links::Link& link, void* to, size_t size) { return link.read_all(to, size, answer_seconds * 1000); }

template <class T>
bool write(links::Link& link, T value) {
  iovec piece[] = {{&value, sizeof value}};
  return link.write_all(piece);
}

// In time that does not depend on where they differ.
bool same(const uint8_t (&one)[32], const uint8_t (&other)[32]) {
  unsigned difference = 0;
  for (size_t i = 0; i < sizeof one; ++i) difference |= one[i] ^ other[i];
  return difference == 0;
}

}  // namespace

void hand_over_return(links::Link& link, Monitored* monitored) {
  if (!monitored || link.socket() < 0 || links::is_unix(link.socket())) return;
  wire::ReturnHead head{};
  alarm(head_seconds);
  ssize_t seen = recv(link.socket(), head.magic, sizeof head.magic, MSG_PEEK | MSG_WAITALL);
  if (seen < static_cast<ssize_t>(sizeof head.magic) ||
      std::memcmp(head.magic, wire::return_magic, sizeof head.magic) != 0) {
    alarm(0);
    return;
  }
  if (!read(link, &head, sizeof head)) _exit(0);
  base::Fd worker = monitored->open_before_start(head.id);
  if (!worker.valid()) {
    write(link, uint64_t{0});
    _exit(0);
  }
  char byte = 0;
  iovec piece[] = {{&byte, 1}};
  const int descriptor[] = {link.socket()};
  links::send_with(worker.get(), piece, descriptor);
  _exit(0);
}

base::Result<ReturnPoint> ReturnPoint::create() {
  ReturnPoint point;
  if (getrandom(&point.secret_, sizeof point.secret_, 0) != sizeof point.secret_)
    return base::Error{"no random numbers"};
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
    return base::Error{std::string("no socket for returning clients: ") + std::strerror(errno)};
  point.socket_ = base::Fd(ends[0]);
  point.door_ = base::Fd(ends[1]);
  return point;
}

void ReturnPoint::publish(Monitored& monitored) {
  monitored.publish(secret_.id, door_.get());
  door_.close();
}

void ReturnPoint::serve(ReturnPoint point, links::Resumable& session, const links::ServerKey* key, const Lease* lease) {
  std::thread([point = std::make_shared<ReturnPoint>(std::move(point)), &session, key, lease] {
    const auto may_come = [lease] { return !lease || lease->held(); };
    auto resume = [&](const links::Resumable::Meet& meet) {
      const bool came = may_come() && session.resume(meet);
      if (came) base::log(base::Level::debug, "client-returned");
      return came;
    };
    auto join = [&](size_t number, const Greet& greet) {
      if (!may_come()) return greet(links::Joining::not_now), false;
      const bool came = session.join(number, greet);
      if (came) base::log(base::Level::info, "connection-joined");
      return came;
    };
    for (;;) point->accept(resume, join, key);
  }).detach();
}

// Only who has the key touches the session; whoever else is slow costs a few seconds of this thread.
bool ReturnPoint::accept(const Resume& resume, const Join& join, const links::ServerKey* server_key) {
  char byte;
  std::vector<base::Fd> received;
  if (links::receive_with(socket_.get(), &byte, 1, received) <= 0 || received.size() != 1) return false;
  int socket = received[0].get();
  links::Link link(std::move(received[0]));
  links::limit_waits(socket, answer_seconds);
  wire::ReturnKey key{};
  if (!write(link, uint64_t{1})) return false;
  if (server_key) {
    base::Fd own(fcntl(socket, F_DUPFD_CLOEXEC, 3));
    socket = own.get();
    auto channel = links::Tls::accept(std::move(own), *server_key);
    if (!channel) return false;
    link = links::Link(std::move(channel.value()));
  }
  if (!read(link, &key, sizeof key)) return false;
  if (!same(key.key, secret_.key)) {
    base::log(base::Level::warn, "return-refused", {{"reason", "wrong key"}});
    write(link, wire::ReturnAnswer{});
    return false;
  }
  if (key.received & wire::joins)
    return join(key.received & ~wire::joins, [&](links::Joining answer) -> std::unique_ptr<links::Channel> {
      if (!write(link, wire::ReturnAnswer{static_cast<uint64_t>(answer), 0})) return nullptr;
      if (answer != links::Joining::welcome) return nullptr;
      links::limit_waits(socket, 0);
      return link.take();
    });
  return resume([&](uint64_t have, std::string&) -> std::optional<links::Resumable::Return> {
    if (!write(link, wire::ReturnAnswer{1, have})) return {};
    links::limit_waits(socket, 0);
    return links::Resumable::Return{link.take(), key.received};
  });
}

}  // namespace server
