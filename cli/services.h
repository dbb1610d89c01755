// What a server of this build does beside the driver's calls.
#pragma once
#include <span>

#include "server/services.h"

namespace cli {

std::span<const server::Service> services();

}  // namespace cli
