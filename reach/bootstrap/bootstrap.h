// --bootstrap: puts this Outboard into the cache of a machine that has none, after a yes. Nothing is installed there,
// and nothing that is there is changed.
#pragma once
#include <functional>

#include "reach/bootstrap/shell.h"

namespace reach {

// OUTBOARD_BOOTSTRAP, which --bootstrap sets: "ask", or "yes" with --yes.
bool wants_bootstrap();
void want_bootstrap(bool yes);

// What goes on beside it, several times a second. An error stops it: whoever wanted it has left, or its job is over.
using Meanwhile = std::function<base::Status()>;

// `machine`: "Linux x86_64 glibc 2.36", as the far side says. An error leaves nothing there.
base::Status bootstrap(const FarShell& shell, const std::string& machine, const Meanwhile& meanwhile);

// Asks before it is known whether anything will have to be copied, for who may have left when it is. A yes holds for
// this process and those that it starts.
base::Status agree_beforehand(const std::string& where, const Meanwhile& meanwhile);

}  // namespace reach
