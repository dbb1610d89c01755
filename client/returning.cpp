#include "client/returning.h"

#include "link/tcp_options.h"
#include "wire/return.h"

namespace client {
namespace {

constexpr int connect_ms = 3000;
constexpr int answer_seconds = 5;

bool read(links::Link& link, void* to, size_t size) { return link.read_all(to, size, answer_seconds * 1000); }

bool write(links::Link& link, void* from, size_t size) {
  iovec piece[] = {{from, size}};
  return link.write_all(piece);
}

std::optional<links::Resumable::Return> attempt(const links::Address& address, const wire::SessionSecret& secret,
                                                uint64_t received, std::string& refused) {
  auto link = links::connect(address, connect_ms);
  if (!link) return {};
  int socket = link.value().socket();
  links::limit_waits(socket, answer_seconds);
  wire::ReturnHead head{};
  std::memcpy(head.magic, wire::return_magic, sizeof head.magic);
  std::memcpy(head.id, secret.id, sizeof head.id);
  uint64_t known = 0;
  if (!write(link.value(), &head, sizeof head) || !read(link.value(), &known, sizeof known)) return {};
  if (known != 1) return refused = "the server has ended the session", std::nullopt;
  auto encrypted = links::encrypt(std::move(link.value()), address, answer_seconds);
  if (!encrypted) return {};
  links::Link& safe = encrypted.value();
  wire::ReturnKey key{};
  std::memcpy(key.key, secret.key, sizeof key.key);
  key.received = received;
  wire::ReturnAnswer answer{};
  if (!write(safe, &key, sizeof key) || !read(safe, &answer, sizeof answer)) return {};
  if (answer.good != 1) return refused = "the server does not know the session's key", std::nullopt;
  links::limit_waits(socket, 0);
  return links::Resumable::Return{safe.take(), answer.received};
}

}  // namespace

links::Resumable::Meet come_back(const links::Address& address, const std::string& session) {
  wire::SessionSecret secret{};
  wire::SessionSecret::parse(session, secret);
  return [address, secret](uint64_t received, std::string& refused) {
    return attempt(address, secret, received, refused);
  };
}

}  // namespace client
