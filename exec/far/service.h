// The exec service: takes a bundle, starts a job, carries its streams, gives its results. A process of its own for each
// client (server/services.h); jobs outlive it.
#pragma once
#include "server/services.h"

namespace exec {

int serve(links::Link stream, const server::ServiceRequest& request);

}  // namespace exec
