#include "server/web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "link/address.h"
#include "link/link.h"

namespace server {
namespace {

constexpr size_t most_visits = 32, longest_request = 4096;
constexpr uint64_t patience = 5'000'000'000;
constexpr int answer_bytes = 4 << 20;  // an answer that the socket does not take at once is cut

base::Error failed(const std::string& where) {
  return base::Error{"cannot listen on " + where + ": " + std::strerror(errno)};
}

const char* phrase(int status) { return status == 200 ? "OK" : status == 404 ? "Not Found" : "Bad Request"; }

}  // namespace

base::Status Web::listen_unix(const std::string& path, Respond respond) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) return base::Error{path + " is too long for a socket's name"};
  std::memcpy(at.sun_path, path.data(), path.size());
  unlink(path.c_str());
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  mode_t before = umask(0177);
  int bound = bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  umask(before);
  if (bound < 0 || ::listen(socket.get(), 16) < 0) return failed(path);
  doors_.push_back({std::move(socket), std::move(respond), true});
  return base::Done{};
}

base::Status Web::listen_loopback(const std::string& address, Respond respond) {
  auto parsed = TRY(links::parse("tcp:" + address));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<uint16_t>(std::atoi(parsed.port.c_str())));
  if (inet_pton(AF_INET, parsed.where.c_str(), &at.sin_addr) != 1 || ntohl(at.sin_addr.s_addr) >> 24 != 127)
    return base::Error{"metrics are for this machine alone; write 127.0.0.1:PORT, not " + address};
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) < 0 || ::listen(socket.get(), 16) < 0)
    return failed(address);
  doors_.push_back({std::move(socket), std::move(respond)});
  return base::Done{};
}

void Web::watch(std::vector<pollfd>& watched) const {
  for (const Door& door : doors_) watched.push_back({door.socket.get(), POLLIN, 0});
  for (const Visit& visit : visits_) watched.push_back({visit.socket.get(), POLLIN, 0});
}

void Web::handle(const std::vector<pollfd>& watched, uint64_t now_ns) {
  auto ready = [&](int socket) {
    auto found = std::ranges::find(watched, socket, &pollfd::fd);
    return found != watched.end() && found->revents;
  };
  std::erase_if(visits_,
                [&](Visit& visit) { return (ready(visit.socket.get()) && !read(visit)) || now_ns > visit.ends_ns; });
  for (Door& door : doors_)
    if (ready(door.socket.get())) accept(door, now_ns);
}

void Web::accept(Door& door, uint64_t now_ns) {
  base::Fd socket(accept4(door.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid() || visits_.size() >= most_visits) return;
  ucred peer{};
  socklen_t size = sizeof peer;
  bool known = getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (door.local && !(known && (peer.uid == getuid() || peer.uid == 0))) return;
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &answer_bytes, sizeof answer_bytes);
  visits_.push_back({std::move(socket), &door, {}, now_ns + patience});
}

bool Web::read(Visit& visit) {
  char bytes[1024];
  ssize_t got = recv(visit.socket.get(), bytes, sizeof bytes, 0);
  if (got < 0 && errno == EAGAIN) return true;
  if (got <= 0 || visit.request.size() + static_cast<size_t>(got) > longest_request) return false;
  visit.request.append(bytes, static_cast<size_t>(got));
  if (visit.request.find("\r\n\r\n") == std::string::npos) return true;
  answer(visit);
  return false;
}

void Web::answer(Visit& visit) {
  size_t first = visit.request.find(' ');
  size_t second = first == std::string::npos ? first : visit.request.find_first_of(" \r", first + 1);
  Answer given{400, "text/plain; charset=utf-8", "this is no request\n"};
  if (second != std::string::npos && visit.request.substr(second, 6) == " HTTP/")
    given = visit.door->respond(visit.request.substr(0, first), visit.request.substr(first + 1, second - first - 1));
  std::string text = "HTTP/1.0 " + std::to_string(given.status) + " " + phrase(given.status) +
                     "\r\nContent-Type: " + given.type + "\r\nContent-Length: " + std::to_string(given.body.size()) +
                     "\r\nConnection: close\r\n\r\n" + given.body;
  [[maybe_unused]] ssize_t sent = send(visit.socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

base::Result<std::string> ask(const std::string& socket_path, const std::string& method, const std::string& path) {
  links::Link link = TRY(links::connect({links::Address::Kind::unix_socket, socket_path, {}}, 2000));
  timeval patience{5, 0};
  setsockopt(link.in(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string request = method + " " + path + " HTTP/1.0\r\n\r\n";
  iovec piece[] = {{request.data(), request.size()}};
  if (!link.write_all(piece)) return base::Error{"the server closed the connection"};
  std::string text;
  char bytes[16 << 10];
  for (ssize_t got; (got = link.read_some(bytes, sizeof bytes)) > 0;) text.append(bytes, static_cast<size_t>(got));
  size_t body = text.find("\r\n\r\n");
  if (body == std::string::npos) return base::Error{"the server does not answer"};
  std::string content = text.substr(body + 4);
  if (!text.starts_with("HTTP/1.0 200")) return base::Error{content};
  return content;
}

}  // namespace server
