// What the driver tells the checks of `outboard run --check`. Without them these do nothing.
#pragma once
#include <cstdint>
#include <memory>

#include "device/software/check/checker.h"
#include "device/software/driver/copying.h"
#include "device/software/driver/state.h"

namespace software {

// As OUTBOARD_CHECK asks; nullptr: it does not.
std::unique_ptr<Checker> wanted_checker(Memory& memory);

inline void note_allocation(uint64_t address, uint64_t size) {
  if (Checker* checker = device().checker.get()) checker->allocated(address, size);
}
// Host functions of the program's, other processes and the driver itself write without being seen.
inline void note_written(uint64_t address, uint64_t size) {
  if (Checker* checker = device().checker.get()) checker->written(address, size);
}
void note_copy(const Rows& rows);
void note_module(const Program& program);
// Reports a range that a function of the driver was given, and which is not all memory that it may touch.
inline void report_range(const char* function, uint64_t address, uint64_t size) {
  if (Checker* checker = device().checker.get()) checker->bad_range(function, address, size);
}

}  // namespace software
