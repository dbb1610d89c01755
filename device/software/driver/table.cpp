// Fills the driver table: a function that this driver defines, or one that says it is not supported.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "device/refusing.h"
#include "device/software/driver/checking.h"
#include "device/software/driver/state.h"
#include "device/software/run/faults.h"
#include "device/software/run/gate.h"

// Weak, so that what nobody defines is null instead of missing. Only here: elsewhere functions.h declares them.
namespace software {
#define ROW(since, name, params) extern __attribute__((weak)) CUresult name params;
#include "api/cuda/cuda.def"

std::string processor_name();

namespace {

uint64_t default_memory() {
  uint64_t ram = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
  return std::min(ram / 2, uint64_t{16} << 30);
}

// Never destroyed: stream threads and programs may use it until the process is gone.
Device* the_device = nullptr;
pid_t owner = 0;  // the process that made it
device::Tenancy tenancy;

// OUTBOARD_DEVICES: how many devices this process has, 1 to 16. They share the processor's cores.
unsigned wanted_devices() {
  constexpr long most = 16;
  const char* setting = std::getenv("OUTBOARD_DEVICES");
  if (!setting || !*setting) return 1;
  char* end = nullptr;
  long count = std::strtol(setting, &end, 10);
  if (*end || count < 1 || count > most) {
    base::log(base::Level::warn, "OUTBOARD_DEVICES is no number from 1 to 16; there is one device", {{"is", setting}});
    return 1;
  }
  return static_cast<unsigned>(count);
}

// At the program's exit: the C library's handlers, which call the driver, and the destructors of what kernels use must
// not find an endless kernel. Those that end soon may.
void end_kernels() {
  constexpr int patience = 2000, most = 3000, turn = 1000;  // turns; microseconds
  if (getpid() != owner) return;                            // a child has none of our threads
  for (int i = 0; i < most && device().pool.busy(); ++i) {
    if (i >= patience) device().pool.cancel(nullptr);
    usleep(turn);
  }
}

bool create_device(uint64_t memory_bytes) {
  const unsigned count = wanted_devices();
  base::Result<std::unique_ptr<Memory>> memory =
      Memory::reserve(memory_bytes ? memory_bytes : default_memory() / count, count);
  if (!memory) {
    base::log(base::Level::error, "software GPU cannot start", {{"reason", memory.error()}});
    return false;
  }
  auto* made = new Device(count);
  made->memory = std::move(memory.value());
  if (tenancy.share) made->memory->obey(Quota(tenancy));
  made->checker = wanted_checker(*made->memory);
  made->name = "Outboard software GPU (" + processor_name() + ")";
  the_device = made;
  install_fault_handler();
  owner = getpid();
  std::atexit(end_kernels);
  return true;
}

}  // namespace

Device& device() { return *the_device; }
bool device_exists() { return the_device != nullptr; }

}  // namespace software

// Before outboard_device: this process is one of several, and has a share (device/share.h).
extern "C" __attribute__((visibility("default"))) void outboard_tenancy(const device::Tenancy* given) {
  software::tenancy = *given;
  software::Gate::the().obey(given->share);
}

// Before outboard_device: this process cannot reach others that share memory with it. (This library has a copy of
// base.)
extern "C" __attribute__((visibility("default"))) void outboard_exchange(const base::SharedMemoryExchange* given) {
  base::exchange_shared_memory(*given);
}

// While the share allows nothing: holds kernels where they are. False: not all of them yet; to be repeated.
extern "C" __attribute__((visibility("default"))) bool outboard_hold() {
  return !software::device_exists() || software::device().pool.hold();
}

// The devices of this process; memory_bytes is each one's, 0: together half of the machine's, at most 16 GiB. The same
// at every call; nullptr, with the reason in the log, when there can be none.
extern "C" __attribute__((visibility("default"))) const device::Driver* outboard_device(uint64_t memory_bytes) {
  static const device::Driver* driver = [memory_bytes]() -> const device::Driver* {
    if (!software::create_device(memory_bytes)) return nullptr;
    auto* table = new device::Driver;
#define ROW(since, name, params) device::fill(table->name, &software::name);
#include "api/cuda/cuda.def"
    return table;
  }();
  return driver;
}
