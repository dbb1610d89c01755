// Clients that come back after their connection broke. A new connection has a new process; it hands the connection to
// the worker that has the session, through a socket that the listener gives for the session's id, and the worker asks
// for the key.
#pragma once
#include <functional>

#include "base/result.h"
#include "link/link.h"
#include "link/resumable.h"
#include "link/server_key.h"
#include "server/lease.h"
#include "server/monitored.h"
#include "wire/return.h"

namespace server {

// In a new process, before the hello: if this is a client that comes back, its connection goes to its worker and this
// process ends.
void hand_over_return(links::Link& link, Monitored* monitored);

// In a worker: a session that clients can come back to.
class ReturnPoint {
 public:
  // Before the sandbox, which has no sockets to give.
  static base::Result<ReturnPoint> create();
  // From now on the listener leads returning clients here.
  void publish(Monitored& monitored);

  const wire::SessionSecret& secret() const { return secret_; }
  // Accepts returns to `session` for the rest of the process, on a thread of its own.
  // `key`: of an encrypted session; nullptr: it is not. Nobody is let in after the end of the lease, if there is one.
  static void serve(ReturnPoint point, links::Resumable& session, const links::ServerKey* key, const Lease* lease);

  // The same for a connection that a doorkeeper of this process's own lets in (direct.h).
  const base::Fd& door() const { return door_; }
  // For a poll: somebody has come.
  int descriptor() const { return socket_.get(); }
  // What is done with somebody who has the session's key. True: he is let in.
  using Resume = std::function<bool(const links::Resumable::Meet&)>;
  using Greet = std::function<std::unique_ptr<links::Channel>(links::Joining)>;
  using Join = std::function<bool(size_t number, const Greet&)>;
  // Greets who has come: one that comes back, or a further connection. True: one of the two took him.
  bool accept(const Resume& resume, const Join& join, const links::ServerKey* key);

 private:
  wire::SessionSecret secret_{};
  base::Fd socket_, door_;  // what comes in at the door arrives at the socket
};

}  // namespace server
