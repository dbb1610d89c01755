// The listener: accepts clients and gives each a process of its own. It never reads a byte of what they send.
#pragma once
#include <optional>
#include <vector>

#include "base/fd.h"
#include "link/address.h"
#include "server/worker.h"

namespace server {

struct ListenerOptions {
  std::vector<links::Address> addresses;
  size_t most_clients = 64;             // further ones get a refusal that says so
  std::optional<links::ServerKey> key;  // for addresses that want encryption
  WorkerOptions worker;
};

// Serves until SIGTERM or SIGINT, then ends its workers and removes its sockets. Returns the exit code; one
// sentence on standard error says why it did not start.
int listen_and_serve(const ListenerOptions& options);

}  // namespace server
