#include "device/software/driver/checking.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "device/device.h"

namespace software {

std::unique_ptr<Checker> wanted_checker(Memory& memory) {
  const char* wanted = std::getenv("OUTBOARD_CHECK");
  if (!wanted || !*wanted) return nullptr;
  auto checks = api::parse_checks(wanted);
  if (checks) return std::make_unique<Checker>(*checks, memory);
  base::log(base::Level::error, "OUTBOARD_CHECK names a check that there is not; nothing is checked",
            {{"is", wanted}, {"known", api::check_names}});
  return nullptr;
}

void note_copy(const Rows& rows) {
  Checker* checker = device().checker.get();
  if (!checker) return;
  for (uint64_t z = 0; z < rows.depth; ++z)
    for (uint64_t y = 0; y < rows.height; ++y)
      checker->copied(reinterpret_cast<uint64_t>(rows.to + z * rows.to_slice + y * rows.to_pitch),
                      reinterpret_cast<uint64_t>(rows.from + z * rows.from_slice + y * rows.from_pitch), rows.width);
}

void note_module(const Program& program) {
  Checker* checker = device().checker.get();
  if (!checker) return;
  for (const Program::Variable& variable : program.variables())
    checker->places().add_variable(variable.name, variable.address, variable.size);
}

namespace {

// Kernels that nobody waited for come to their end first, unless they are endless.
void wait_for_kernels() {
  constexpr int most = 2000, turn = 1000;  // turns; microseconds
  for (int i = 0; i < most && device().pool.busy(); ++i) usleep(turn);
}

void note_host_memory(uint64_t address, uint64_t size) {
  if (size)
    device().checker->places().add_host(address, size);
  else
    device().checker->places().remove_host(address);
}

// Of one allocation at most: the size is a client's word.
void note_written_by_client(uint64_t address, uint64_t size) {
  std::optional<Allocation> found = device().memory->find(address);
  if (found) note_written(address, std::min(size, found->size - (address - found->address)));
}

uint64_t finish() {
  wait_for_kernels();
  return device().checker->finish();
}

constexpr ::device::Checks checks{
    .host_memory = note_host_memory,
    .written = note_written_by_client,
    .bad_free = [](const char* function, uint64_t address) { device().checker->bad_free(function, address); },
    .finish = finish,
};

}  // namespace
}  // namespace software

// device/device.h: nullptr where nothing is checked.
extern "C" __attribute__((visibility("default"))) const device::Checks* outboard_checks() {
  return software::device_exists() && software::device().checker ? &software::checks : nullptr;
}
