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

struct Met {
  std::unique_ptr<links::Channel> channel;
  wire::ReturnAnswer answer{};
};

// One attempt to reach the session's worker and show it the key. Nothing: not this time; with `refused` never again.
std::optional<Met> meet(const links::Address& address, const wire::SessionSecret& secret, uint64_t received,
                        std::string& refused) {
  auto link = links::connect(address, connect_ms);
  if (!link) return {};
  links::limit_waits(link.value().socket(), answer_seconds);
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
  Met met;
  if (!write(safe, &key, sizeof key) || !read(safe, &met.answer, sizeof met.answer)) return {};
  met.channel = safe.take();
  links::limit_waits(met.channel->descriptor(), 0);
  return met;
}

wire::SessionSecret secret_in(const std::string& session) {
  wire::SessionSecret secret{};
  wire::SessionSecret::parse(session, secret);
  return secret;
}

}  // namespace

links::Resumable::Meet come_back(const links::Address& address, const std::string& session) {
  return [address, secret = secret_in(session)](uint64_t received,
                                                std::string& refused) -> std::optional<links::Resumable::Return> {
    auto met = meet(address, secret, received, refused);
    if (!met) return {};
    if (met->answer.good != 1) return refused = "the server does not know the session's key", std::nullopt;
    return links::Resumable::Return{std::move(met->channel), met->answer.received};
  };
}

OpenLane come_beside(const links::Address& address, const std::string& session) {
  return
      [address, secret = secret_in(session)](size_t number, links::Joining& answer) -> std::unique_ptr<links::Channel> {
        std::string refused;
        auto met = meet(address, secret, wire::joins | number, refused);
        answer = met ? static_cast<links::Joining>(met->answer.good) : links::Joining::not_now;
        return answer == links::Joining::welcome ? std::move(met->channel) : nullptr;
      };
}

}  // namespace client
