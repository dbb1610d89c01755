// Atomic accesses of 128 bits, as generated code calls them (PTX ISA, "atom", .b128).
#include <cstring>
#include <mutex>

#include "device/software/run/warp.h"

namespace {

#if defined(__x86_64__)
// Old where equal to `expected`; what stood there otherwise. Every x86-64 processor of this century but the first few
// has the instruction; the compiler wants it allowed by name.
__attribute__((target("cx16"))) unsigned __int128 compare_and_swap(uint64_t* cell, unsigned __int128 expected,
                                                                   unsigned __int128 desired) {
  return __sync_val_compare_and_swap(reinterpret_cast<unsigned __int128*>(cell), expected, desired);
}
#else
unsigned __int128 compare_and_swap(uint64_t* cell, unsigned __int128 expected, unsigned __int128 desired) {
  static std::mutex lock;
  std::lock_guard hold(lock);
  unsigned __int128 old;
  std::memcpy(&old, cell, sizeof old);
  if (old == expected) std::memcpy(cell, &desired, sizeof desired);
  return old;
}
#endif

}  // namespace

extern "C" void outboard_swap_128(uint64_t* cell, const uint64_t* expected, const uint64_t* desired, uint64_t* old) {
  unsigned __int128 wanted, next, found;
  std::memcpy(&next, desired, sizeof next);
  if (expected) {
    std::memcpy(&wanted, expected, sizeof wanted);
    found = compare_and_swap(cell, wanted, next);
  } else {
    found = compare_and_swap(cell, 0, 0);
    do wanted = found;
    while ((found = compare_and_swap(cell, wanted, next)) != wanted);
  }
  std::memcpy(old, &found, sizeof found);
}
