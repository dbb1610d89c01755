// A way around the pipes: a server that ssh or srun started listens for its one client on a port of its own, and the
// session moves there where the client can reach it. Only who was told the session's id over the pipes is let in, and
// only who was told its key is served.
#pragma once
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "link/server_key.h"
#include "server/returning.h"
#include "wire/hello.h"

namespace server {

class DirectDoor {
 public:
  // Before the sandbox, which has no sockets to give: starts the process that will listen when it is told to.
  static base::Result<DirectDoor> create(const ReturnPoint& returns);

  // Listens from now on, and says in the welcome where. False: it cannot.
  bool offer(wire::Welcome& welcome);
  const links::ServerKey* key() const { return key_; }
  // Nobody will come any more.
  void close() { doorkeeper_.close(); }
  // The doorkeeper stays for clients that come back, as long as this process lives.
  void keep() { (void)doorkeeper_.release(); }

 private:
  base::Fd doorkeeper_;
  std::string machine_;  // wire::this_machine(), which the sandbox hides
  const links::ServerKey* key_ = nullptr;
};

}  // namespace server
