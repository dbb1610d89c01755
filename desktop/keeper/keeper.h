// The process that a person starts: makes display, sound, sockets and certificate, runs program and worker, and takes
// all of it down. Reads nothing that clients send.
#pragma once
#include "desktop/keeper/options.h"

namespace desktop {

int keep_session(const ServeOptions& options);

}  // namespace desktop
