// A server that is started rather than reached. Signing in, asking for a place and watching over it is done by a
// process of its own, `outboard reach TARGET`, because we may live in somebody else's program; it hands over a socket
// whose other end is the server's standard input and output.
#pragma once
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "link/address.h"
#include "link/link.h"

namespace links {

struct Started {
  Link link;
  // To the helper, for as long as a session lasts that has left its pipe: its hang-up says that the server has ended.
  base::Fd helper;
  uint64_t generation = 0;  // the latest server of this place that was met
};

// Waits as long as the helper lives: somebody may be typing a password, or the job may be in a queue. `ask`: only to
// see what is there, so nobody is asked for anything and nothing takes long.
base::Result<Started> start(const Address& address, bool ask);

// What the two say to each other, one message a packet.
struct HelperMessage {
  enum Kind : uint32_t {
    started = 1,  // helper: the descriptor with it is the server's; `generation` counts
    failed = 2,   // helper: `text` says why
    moved = 3,    // program: the session goes on over the socket that comes with it, to be shut down with the place
  };
  Kind kind;
  uint32_t reserved;
  uint64_t generation;
  char text[4080];
};

// The program that is the helper: bin/outboard beside the library or program that this code is in, else as PATH has it.
std::string outboard_program();

}  // namespace links
