// A list that only grows, so that reading it needs no lock.
#include "device/software/run/code_map.h"

#include <atomic>
#include <cstring>

#include "device/software/run/steps.h"

namespace software {
namespace {

std::atomic<KernelCode*> newest{nullptr};  // one list per process, like the code itself

}  // namespace

void register_code(KernelCode* code) {
  code->next_ = newest.load();
  while (!newest.compare_exchange_weak(code->next_, code)) {
  }
}

const KernelCode* find_code(uint64_t address) {
  for (const KernelCode* code = newest.load(); code; code = code->next_)
    if (address >= code->begin && address < code->end) return code;
  return nullptr;
}

CodePlace find_place(const Warp& warp, uint64_t address, uint64_t frame) {
  if (warp.step) return {warp.launch->steps->place(*warp.step), warp.addresses != nullptr};
  return find_place(address, frame);
}

CodePlace find_place(uint64_t address, uint64_t frame) {
  const KernelCode* code = find_code(address);
  if (!code) return {};
  if (!code->is_shared(address)) return {code->line(address), false};
  // A frame begins with the caller's frame pointer and the address to return to (x86-64: System V ABI 3.2.2; aarch64:
  // AAPCS64 6.4.6). A call belongs to the line of its last byte.
  uint64_t back = 0;
  std::memcpy(&back, reinterpret_cast<const uint64_t*>(frame) + 1, sizeof back);
  return {code->line(back - 1), true};
}

}  // namespace software
