// What a link can do: asked with calls that no server has, so that nothing but the link and the worker's loop takes
// time.
#pragma once
#include <string>

#include "base/result.h"

namespace client {

struct LinkFigures {
  std::string kind;  // "shared memory", "unix socket", "tcp", "tls", "vsock", "command"
  double round_trip_us = 0;
  double gb_per_s = 0;  // towards the server
};

// Stops after `seconds`, once each has been measured once.
base::Result<LinkFigures> probe_link(const std::string& target, double seconds = 10);

}  // namespace client
