// Threads of ours that last as long as the program.
#pragma once
#include <utility>

#include "base/threads.h"

namespace client {

template <class Body>
void start_thread(Body body) {
  base::quiet_thread(std::move(body)).detach();
}

}  // namespace client
