// Who may see the session in a browser: whoever brought a token once, and the cookie that he got for it since.
#pragma once
#include <deque>
#include <string>

#include "desktop/credentials.h"

namespace desktop::web {

class Doorkeeper {
 public:
  explicit Doorkeeper(Credentials& credentials);

  // Whether a request is meant for a page on this machine and comes from that page: names of other machines are pages
  // of others that were led here (DNS rebinding). `origin` is empty where the browser sends none.
  static bool is_ours(const std::string& host, const std::string& origin);

  enum class Answer { entered, wrong, later };
  // Entered: `cookie` is the header's value to set (RFC 6265 4.1).
  Answer enter(const std::string& token, std::string& cookie);
  // Whether a Cookie header holds one of ours; compared in constant time.
  bool knows(const std::string& cookies) const;

 private:
  Credentials& credentials_;
  const std::string name_;  // of the cookie: several sessions share the browser's idea of 127.0.0.1
  std::deque<std::string> values_;
};

}  // namespace desktop::web
