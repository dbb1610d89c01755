// The exec service: takes a bundle, starts a job, carries its streams, gives its results. A process of its own for each
// client (server/services.h); jobs outlive it.
#pragma once
#include "server/services.h"

namespace exec {

int serve(links::Link stream, const server::ServiceRequest& request);

// Forgets jobs that have expired and pieces that nobody used for long; notices jobs that were lost. Nothing where exec
// was never used.
void tend();

}  // namespace exec
