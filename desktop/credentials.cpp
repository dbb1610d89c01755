#include "desktop/credentials.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <algorithm>

namespace desktop {
namespace {

constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
constexpr uint64_t patience = 5;
constexpr size_t most_entries = 64;

std::string random_text(size_t length) {
  std::string text;
  while (text.size() < length) {
    uint8_t bytes[32];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) continue;
    for (uint8_t byte : bytes)  // those beyond a multiple of the letters would make some likelier
      if (byte < 256 / letters.size() * letters.size() && text.size() < length) text += letters[byte % letters.size()];
  }
  return text;
}

bool equal(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Credential Credentials::make(int uses, Seconds time) {
  Credential made{"user-" + random_text(6), random_text(24)};
  keep(made, uses, time);
  return made;
}

void Credentials::keep(const Credential& credential, int uses, Seconds time) {
  std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  std::erase_if(entries_, [&](const Entry& each) { return each.left == 0 || (each.until && *each.until < now); });
  auto oldest = std::find_if(entries_.begin(), entries_.end(), [](const Entry& each) { return each.left > 0; });
  if (entries_.size() >= most_entries && oldest != entries_.end()) entries_.erase(oldest);
  Entry entry{credential, uses == 0 ? -1 : uses, {}};
  if (time.count() > 0) entry.until = now + time;
  entries_.push_back(std::move(entry));
}

Credentials::Entry* Credentials::find(const std::string& user) {
  for (Entry& each : entries_)
    if (each.credential.user == user && each.left != 0 && (!each.until || *each.until >= Clock::now())) return &each;
  return nullptr;
}

std::optional<std::string> Credentials::password_of(const std::string& user) const {
  std::lock_guard lock(mutex_);
  const Entry* entry = const_cast<Credentials*>(this)->find(user);
  if (!entry) return std::nullopt;
  return entry->credential.password;
}

bool Credentials::use(const std::string& user) {
  std::lock_guard lock(mutex_);
  Entry* entry = find(user);
  if (!entry) return false;
  if (entry->left > 0) --entry->left;
  entry->until.reset();  // the first use came in time
  in_row_ = 0;
  return true;
}

bool Credentials::enter(const std::string& user, const std::string& password) {
  const auto right = password_of(user);
  if (right && equal(*right, password) && use(user)) return true;
  refused();
  return false;
}

bool Credentials::enter(const std::string& token) {
  std::string user;
  {
    std::lock_guard lock(mutex_);
    for (const Entry& each : entries_)
      if (equal(each.credential.password, token)) user = each.credential.user;
  }
  if (!user.empty() && use(user)) return true;
  refused();
  return false;
}

void Credentials::refused() {
  std::lock_guard lock(mutex_);
  ++wrong_;
  if (++in_row_ < patience) return;
  const uint64_t doublings = std::min<uint64_t>(in_row_ - patience, 5);
  locked_until_ = Clock::now() + std::min(Seconds(30), Seconds(1 << doublings));
}

bool Credentials::locked() const {
  std::lock_guard lock(mutex_);
  return Clock::now() < locked_until_;
}

uint64_t Credentials::wrong() const {
  std::lock_guard lock(mutex_);
  return wrong_;
}

}  // namespace desktop
