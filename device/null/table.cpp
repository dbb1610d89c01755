// The null device: it accepts every call and does nothing. Allocations are numbers in the window, launches vanish,
// memory reads as zeros. With it anyone can measure links without a GPU; it is no GPU, and its name says so.
#include <array>
#include <atomic>
#include <cstring>
#include <span>

#include "api/roles.h"
#include "base/log.h"
#include "device/null/state.h"
#include "device/refusing.h"

namespace null_device {

// Weak, so that what nobody writes by hand is null instead of missing.
#define ROW(since, name, params) extern __attribute__((weak)) CUresult name params;
#include "api/cuda/cuda.def"

uint64_t new_number() {
  static std::atomic<uint64_t> last{0x1000};
  return ++last;
}

namespace {

using namespace api::role;

// The answer to every function that travels, from the roles of its parameters: what goes back is zeros, and what was to
// be made is a number.
CUresult answer(std::span<const api::Role> roles) {
  for (const api::Role& role : roles) {
    if (!role.is_pointer() || !role.pointer()) continue;
    if (role.kind == api::Role::new_handle) *static_cast<uint64_t*>(role.pointer()) = new_number();
    if (role.kind == api::Role::out || role.kind == api::Role::out_counted) std::memset(role.pointer(), 0, role.size);
  }
  return CUDA_SUCCESS;
}

#define ANSWER(name, params, ...) \
  CUresult answer_##name params { return answer(api::row(&answer_##name __VA_OPT__(, ) __VA_ARGS__)); }
#define CALL(since, name, params, ...) ANSWER(name, params __VA_OPT__(, ) __VA_ARGS__)
#define POST(since, name, params, ...) ANSWER(name, params __VA_OPT__(, ) __VA_ARGS__)
#define HAND_CALL(since, name, params, ...) ANSWER(name, params __VA_OPT__(, ) __VA_ARGS__)
#define HAND_POST(since, name, params, ...) ANSWER(name, params __VA_OPT__(, ) __VA_ARGS__)
#include "api/cuda/cuda.def"

device::Driver make_table() {
  device::Driver table;
#define BY_ROLE(name) device::fill(table.name, &null_device::name, answer_##name);
#define CALL(since, name, params, ...) BY_ROLE(name)
#define POST(since, name, params, ...) BY_ROLE(name)
#define HAND_CALL(since, name, params, ...) BY_ROLE(name)
#define HAND_POST(since, name, params, ...) BY_ROLE(name)
#define LOCAL(since, name, params) device::fill(table.name, &null_device::name);
#define NONE(since, name, params) device::fill(table.name, &null_device::name);
#include "api/cuda/cuda.def"
  return table;
}

constexpr uint64_t default_memory = uint64_t{16} << 30;
Addresses* all_addresses = nullptr;

}  // namespace

Addresses& addresses() { return *all_addresses; }

}  // namespace null_device

// As the software GPU's (device/software/driver/table.cpp).
extern "C" __attribute__((visibility("default"))) const device::Driver* outboard_device(uint64_t memory_bytes) {
  static const device::Driver* driver = [memory_bytes]() -> const device::Driver* {
    using namespace null_device;
    auto made = std::make_unique<Addresses>(memory_bytes ? memory_bytes : default_memory);
    if (!made->open()) {
      base::log(base::Level::error, "null device cannot start", {{"reason", "its address window is taken"}});
      return nullptr;
    }
    all_addresses = made.release();
    return new device::Driver(make_table());
  }();
  return driver;
}
