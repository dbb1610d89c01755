// --bootstrap: puts this Outboard into the cache of a machine that has none, after a yes. Nothing is installed there,
// and nothing that is there is changed.
#pragma once
#include "link/address.h"
#include "reach/child.h"

namespace reach {

// OUTBOARD_BOOTSTRAP, which --bootstrap sets: "ask", or "yes" with --yes.
bool wants_bootstrap();
void want_bootstrap(bool yes);

// `ssh`: the words before a command. `machine`: "Linux x86_64 glibc 2.36", as the far side says.
base::Status bootstrap(const Words& ssh, const links::Address& address, const std::string& machine);

}  // namespace reach
