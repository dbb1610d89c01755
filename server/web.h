// Short answers to short questions over HTTP/1.0: the command line's on a unix socket, Prometheus' on a loopback port.
// Asks nobody to wait: it is driven by the listener's poll loop, and whoever is slow is dropped.
#pragma once
#include <poll.h>

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace server {

class Web {
 public:
  struct Answer {
    int status = 200;
    std::string type = "text/plain; charset=utf-8", body;
  };
  // `method` is GET or POST; `path` starts with '/'.
  using Respond = std::function<Answer(const std::string& method, const std::string& path)>;

  // unix:PATH for this user alone, or 127.0.0.1:PORT.
  base::Status listen_unix(const std::string& path, Respond respond);
  base::Status listen_loopback(const std::string& address, Respond respond);

  void watch(std::vector<pollfd>& watched) const;
  void handle(const std::vector<pollfd>& watched, uint64_t now_ns);

 private:
  struct Door {
    base::Fd socket;
    Respond respond;
    bool local = false;  // a unix socket: the peer must be this user
  };
  struct Visit {
    base::Fd socket;
    const Door* door;
    std::string request;
    uint64_t ends_ns;
  };
  void accept(Door& door, uint64_t now_ns);
  bool read(Visit& visit);  // false: done with it
  static void answer(Visit& visit);

  std::list<Door> doors_;
  std::list<Visit> visits_;
};

// GET or POST to a server's unix socket. The error is one sentence.
base::Result<std::string> ask(const std::string& socket_path, const std::string& method, const std::string& path);

}  // namespace server
