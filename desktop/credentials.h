// Who may enter a session: fresh users and passwords for RDP, tokens for the page; good for one use, or as often as
// the session lasts. Wrong ones slow everybody down. Any thread may call.
#pragma once
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "desktop/picture.h"

namespace desktop {

struct Credential {
  std::string user, password;  // for the page the token is the password
};

class Credentials {
 public:
  using Seconds = std::chrono::seconds;

  // `uses` 0: any number. `time` 0: while the session lasts; otherwise the first use must come within it.
  Credential make(int uses, Seconds time);
  // Keeps what was made elsewhere (a session's password outlives its worker process).
  void keep(const Credential& credential, int uses, Seconds time);

  // The password of a user who may still enter, for protocols that prove it without sending it (NTLM).
  std::optional<std::string> password_of(const std::string& user) const;
  // Whether this is right, in constant time; a right one is used, a wrong one counted.
  bool enter(const std::string& user, const std::string& password);
  // For the page: any credential with this password.
  bool enter(const std::string& token);
  // The same in two steps, for NTLM: the library has checked.
  bool use(const std::string& user);
  void refused();

  // Nobody is listened to now: after five wrong passwords in a row for a second, doubling to thirty.
  bool locked() const;
  uint64_t wrong() const;

 private:
  struct Entry {
    Credential credential;
    int left = 0;  // negative: any number
    std::optional<Clock::time_point> until;
  };
  Entry* find(const std::string& user);

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  uint64_t wrong_ = 0, in_row_ = 0;
  Clock::time_point locked_until_{};
};

}  // namespace desktop
