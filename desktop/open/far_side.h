// The far side of `outboard desktop open`: starts a session for a client elsewhere and leads its connections there. The
// session ends with the link.
#pragma once
#include "link/link.h"

namespace desktop {

// Until the client or the session has gone; the exit code of the process. It may run any program as this user: whoever
// calls this has made sure that the client may, too.
int offer_session(links::Link link);

}  // namespace desktop
