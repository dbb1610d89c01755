// The numbers that a client picks, and the one that goes with every call: alike over a link and in process.
#include <atomic>

#include "client/session.h"

namespace client {

uint64_t new_number(size_t count) {
  static std::atomic<uint64_t> next{16};
  return next.fetch_add(count);
}

uint64_t& current_context() {
  thread_local uint64_t number = 0;
  return number;
}

}  // namespace client
