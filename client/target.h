// Which server this process uses: OUTBOARD_TARGET, or the server of this user on this machine.
#pragma once
#include "base/result.h"
#include "link/address.h"
#include "link/link.h"
#include "wire/hello.h"

namespace client {

struct Greeted {
  links::Link link;
  wire::Welcome welcome;
  std::string way;     // of a server that is started: how the session goes on, "directly, over TLS to 192.0.2.7:40001"
  base::Fd host_area;  // the memory of the window's host area, where both sides share it
};

// Connects to `target` and greets it. The error is one sentence: what was tried, what happened, the next step.
// `checks`: what shall be checked of the program's kernels (wire::Hello).
// `wishes`: wire::Wish; while the server lets it wait, standard error says so.
// `purpose`: the service it comes for (service.h); empty: the driver's calls.
base::Result<Greeted> greet(const std::string& target, const std::string& program, int timeout_ms,
                            const std::string& checks = {}, uint64_t wishes = 0, const std::string& purpose = {});
// What a program that will make calls asks for; OUTBOARD_SHARED_MEMORY=off: not that.
uint64_t usual_wishes();

// A target's address, and what opens its server's door.
struct Door {
  links::Address address;
  std::string token;  // empty: none
};
// An address, or the name of a server that was joined (joined.h).
base::Result<Door> find_door(const std::string& target);

std::string target_from_environment();
// In place of what OUTBOARD_TARGET and OUTBOARD_VGPU say, before connecting.
void choose_target(const std::string& target, const std::string& vgpu);
void forget_target();

}  // namespace client
