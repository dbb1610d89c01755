// A worker process: one device, one client, from the hello to the end.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "device/device.h"
#include "link/link.h"
#include "link/server_key.h"
#include "server/lease.h"
#include "server/monitored.h"
#include "server/services.h"

namespace server {

struct WorkerOptions {
  std::string device = "cpu";
  uint64_t memory_bytes = 0;              // 0: the device's own choice
  const links::ServerKey* key = nullptr;  // of an encrypted connection; nullptr: it is not
  unsigned grace_seconds = 60;            // how long a session waits for a client whose connection broke
  const Lease* lease = nullptr;           // the right to serve; nullptr: for ever
  uint64_t generation = 0;                // wire::Welcome::generation
  bool sandbox = true;                    // sandbox.h
  std::span<const Service> services;      // for a client that came by other means than a listener
};

// `monitored`: its listener; nullptr: there is none, and the client has come in by other means.
// Never returns: exit code 0 when the client left, 1 when something went wrong (it is in the log).
[[noreturn]] void run_worker(links::Link link, const WorkerOptions& options,
                             std::unique_ptr<Monitored> monitored = nullptr);

}  // namespace server
