// What the sandbox leaves to a worker, by the device it has.
#pragma once
#include <string>

#include "server/sandbox.h"

namespace server {

SandboxRooms worker_rooms(const std::string& device);

}  // namespace server
