// What code that is checked calls at every access. Lanes that must not touch an address get another one, which holds
// zeros and which nobody reads again.
#include "device/software/run/watcher.h"

#include <cstring>

#include "device/software/run/block.h"
#include "device/software/run/code_map.h"

using software::Access;
using software::Fiber;
using software::Warp;

namespace software {
namespace {

Watcher* watcher_of(const Warp& warp) { return static_cast<Block*>(warp.block)->job->watcher; }

uint64_t nowhere(const Warp& warp) {
  Fiber& fiber = static_cast<Block*>(warp.block)->worker->current();
  std::memset(fiber.nowhere, 0, sizeof fiber.nowhere);
  return reinterpret_cast<uint64_t>(fiber.nowhere);
}

}  // namespace

bool may_touch(Warp& warp, uint32_t lane, uint64_t address, uint64_t bytes, uint32_t how, uint64_t place) {
  Watcher* watcher = watcher_of(warp);
  if (!watcher || bytes == 0) return true;
  // Registers that an instruction copies from lie on the fiber's stack.
  const Stack& stack = static_cast<Block*>(warp.block)->worker->current().stack;
  if (address - reinterpret_cast<uint64_t>(stack.base()) < stack.bytes()) return true;
  return watcher->access(warp, {&address, 1u << lane, bytes, how | outboard_one_address, nullptr, place}) != 0;
}

}  // namespace software

extern "C" {

void outboard_check_access(Warp* warp, uint64_t* addresses, uint32_t lanes, uint32_t bytes, uint32_t how,
                           const uint8_t* values) {
  software::Watcher* watcher = software::watcher_of(*warp);
  if (!watcher || lanes == 0) return;
  const Access access{addresses, lanes, bytes, how, values, CALL_SITE};
  uint32_t refused = lanes & ~watcher->access(*warp, access);
  if (!refused) return;
  const uint64_t instead = software::nowhere(*warp);
  for (; refused; refused &= refused - 1) access.address(static_cast<uint32_t>(__builtin_ctz(refused))) = instead;
}

uint64_t outboard_check_range(Warp* warp, uint32_t lane, uint64_t address, uint64_t bytes, uint32_t how) {
  if (software::may_touch(*warp, lane, address, bytes, how, CALL_SITE)) return address;
  return bytes <= sizeof(Fiber::nowhere) ? software::nowhere(*warp) : 0;
}

void outboard_check_meeting(Warp* warp, uint32_t lanes) {
  if (software::Watcher* watcher = software::watcher_of(*warp)) watcher->meet(*warp, lanes);
}

void outboard_check_fence(Warp* warp) {
  if (software::Watcher* watcher = software::watcher_of(*warp)) watcher->fence(*warp);
}

}  // extern "C"
