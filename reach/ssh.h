// ssh://: the user's own OpenSSH, with all that its configuration says, starts a server on the other machine.
#pragma once
#include "link/address.h"
#include "reach/child.h"
#include "reach/program.h"

namespace reach {

// The words up to the command that shall run there. `ask`: nobody is asked for a password, and nothing takes long.
// Asks ssh for its configuration first (ssh -G), so that we add only what the user has not chosen.
base::Result<Words> ssh_words(const links::Address& address, bool ask);

// A helper's whole life. Its exit code.
int reach_ssh(Program& program, const links::Address& address, bool ask);

}  // namespace reach
