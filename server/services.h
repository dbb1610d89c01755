// What a client may come for beside the driver's calls. A service has a process of its own, outside the worker's
// sandbox: the worker greets the client, decrypts, and carries plain bytes to and fro.
#pragma once
#include <span>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "link/link.h"

namespace server {

// Who comes. `program` is the client's word, and so is `vgpu` where there is no listener.
struct ServiceRequest {
  std::string program;
  std::string token;  // its id; empty: none was needed
  std::string vgpu;   // empty: none
  std::string peer;   // "uid 1000", "192.0.2.7", "standard input"
};

struct Service {
  const char* purpose;  // wire::Hello::purpose
  bool runs_programs;   // whoever has it can run any program as this user
  // Until the client has what it came for, or has gone (the stream ends). The exit code of the process.
  int (*run)(links::Link stream, const ServiceRequest& request);
  // What is to be done without any client, now and then; nullptr: nothing.
  void (*tend)() = nullptr;
};

// The error is for the client.
base::Result<const Service*> find_service(std::span<const Service> services, const std::string& purpose);

// A new process runs it; the other end of its stream. Of this process's descriptors it keeps the standard three.
base::Result<base::Fd> start_service(const Service& service, const ServiceRequest& request);

// A new process does what its services have to do without clients, and ends. The listener reaps it.
void tend_services(std::span<const Service> services);

// Carries bytes between a client and its service until both have ended.
[[noreturn]] void relay(links::Link client, base::Fd service);

}  // namespace server
