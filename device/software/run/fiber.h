// A stack of its own to run on, and the switch between stacks. Knows nothing of warps.
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {
// Keeps the caller's registers on its stack and that stack's pointer in *save, goes on at `to` (something an
// earlier call kept), where `value` is what that call returns.
uint64_t outboard_switch(void** save, void* to, uint64_t value);
// The same without keeping anything: the running code is given up.
[[noreturn]] void outboard_resume(void* to, uint64_t value);
// Calls run(argument) on the caller's stack and returns 0, or what outboard_resume(*save, value) says.
uint64_t outboard_guard(void** save, void (*run)(void*), void* argument);
}

namespace software {

// A mapped stack with a page in front of it that faults.
class Stack {
 public:
  explicit Stack(size_t bytes);  // base() is nullptr when the system has no room
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  uint8_t* base() const { return base_; }
  size_t bytes() const { return bytes_; }
  bool in_guard(uint64_t address) const;
  // Where to switch to, so that run(argument) begins on this stack. It must not return.
  void* prepare(void (*run)(void*), void* argument);

 private:
  uint8_t* base_ = nullptr;
  size_t bytes_;
};

}  // namespace software
