// Slows down whoever tries tokens: after a few wrong ones, an address is not heard for a while.
#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace server {

class WrongTokens {
 public:
  // Seconds that `address` has to wait; 0: it may try.
  uint64_t wait(const std::string& address, uint64_t now_seconds) const {
    auto found = all_.find(address);
    if (found == all_.end() || found->second.count < most) return 0;
    uint64_t until = found->second.last + pause;
    return until > now_seconds ? until - now_seconds : 0;
  }
  void note(const std::string& address, uint64_t now_seconds) {
    if (all_.size() >= most_addresses) forget(now_seconds);
    Tries& tries = all_[address];
    if (now_seconds - tries.last >= pause) tries.count = 0;
    ++tries.count;
    tries.last = now_seconds;
  }
  void clear(const std::string& address) { all_.erase(address); }

 private:
  static constexpr unsigned most = 5;
  static constexpr uint64_t pause = 30;
  static constexpr size_t most_addresses = 4096;
  struct Tries {
    unsigned count = 0;
    uint64_t last = 0;
  };
  // The old ones; if there are none, all: an attacker with so many addresses is not stopped by this.
  void forget(uint64_t now_seconds) {
    std::erase_if(all_, [&](const auto& each) { return now_seconds - each.second.last >= pause; });
    if (all_.size() >= most_addresses) all_.clear();
  }
  std::map<std::string, Tries> all_;
};

}  // namespace server
