#include "desktop/web/doorkeeper.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

namespace desktop::web {

namespace {

constexpr size_t most_cookies = 32, longest_token = 256;

std::string random_text(size_t bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (size_t at = 0; at < bytes; ++at) {
    uint8_t byte = 0;
    if (getrandom(&byte, 1, 0) != 1) std::abort();  // a session that anybody could enter must not be
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

bool same(const std::string& one, const std::string& other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace

Doorkeeper::Doorkeeper(Credentials& credentials) : credentials_(credentials), name_("outboard-" + random_text(4)) {}

bool Doorkeeper::is_ours(const std::string& host, const std::string& origin) {
  const std::string name = host.substr(0, host.find(':', host.starts_with('[') ? host.find(']') : 0));
  if (name != "127.0.0.1" && name != "localhost" && name != "[::1]") return false;
  return origin.empty() || origin == "http://" + host;
}

Doorkeeper::Answer Doorkeeper::enter(const std::string& token, std::string& cookie) {
  if (credentials_.locked()) return Answer::later;
  if (token.empty() || token.size() > longest_token || !credentials_.enter(token)) return Answer::wrong;
  values_.push_back(random_text(16));
  if (values_.size() > most_cookies) values_.pop_front();
  cookie = name_ + "=" + values_.back() + "; Path=/; HttpOnly; SameSite=Strict";
  return Answer::entered;
}

bool Doorkeeper::knows(const std::string& cookies) const {
  const std::string wanted = name_ + "=";
  bool known = false;
  for (size_t at = cookies.find(wanted); at != std::string::npos; at = cookies.find(wanted, at + 1)) {
    if (at && cookies[at - 1] != ' ' && cookies[at - 1] != ';') continue;
    const size_t start = at + wanted.size();
    const std::string brought = cookies.substr(start, cookies.find(';', start) - start);
    for (const std::string& value : values_) known |= same(value, brought);
  }
  return known;
}

}  // namespace desktop::web
