// Coming back to a worker after the connection broke.
#pragma once
#include <string>

#include "link/address.h"
#include "link/resumable.h"

namespace client {

// One attempt of a Resumable to find its session again at this server.
links::Resumable::Meet come_back(const links::Address& address, const std::string& session);

// Makes a further connection of the session for its bulk (link/lanes.h).
using OpenLane = decltype(links::LaneOptions::open);
OpenLane come_beside(const links::Address& address, const std::string& session);

}  // namespace client
