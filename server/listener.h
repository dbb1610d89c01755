// The listener: accepts clients and gives each a process of its own. It never reads a byte of what they send; what a
// worker asks on their behalf it decides (tenants.h).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "link/address.h"
#include "server/tenants.h"
#include "server/worker.h"

namespace server {

struct ListenerOptions {
  std::vector<links::Address> addresses;
  TenantOptions tenants;
  std::optional<links::ServerKey> key;  // for addresses that want encryption
  WorkerOptions worker;
  std::string metrics;  // 127.0.0.1:PORT, where Prometheus may ask; empty: nowhere
};

// Serves until SIGTERM or SIGINT, then ends its workers and removes its sockets. Returns the exit code; one
// sentence on standard error says why it did not start.
int listen_and_serve(const ListenerOptions& options);

}  // namespace server
