// Contexts as the program sees them: objects of this process, with the worker's context behind them
// once they are active. The current-context stack is the thread's and never leaves the process.
#pragma once
#include <array>
#include <cstdint>

#include "api/cuda/device_facts.h"
#include "api/cuda/internal.h"

namespace client {

// A CUcontext is a pointer to one of these. They are never freed, so a stale handle stays harmless.
struct Context {
  uint64_t number = 0;  // what travels; 0 while inactive
  CUdevice device = 0;  // the program's ordinal
  unsigned flags = 0;
  unsigned version = 13000;
  uint64_t id = 0;     // cuCtxGetId: never used twice
  int references = 0;  // primary: retains
  bool primary = false;
  bool active = false;                                          // exists at the worker
  std::array<uint64_t, limit_count> limits = unknown_limits();  // by CUlimit

  static constexpr uint64_t unknown_limit = UINT64_MAX;
  static constexpr std::array<uint64_t, limit_count> unknown_limits() {
    std::array<uint64_t, limit_count> all{};
    all.fill(unknown_limit);
    return all;
  }
};

// Start: every function but a handful answers CUDA_ERROR_NOT_INITIALIZED before cuInit.
bool initialised();

// NVIDIA's runtime library is in this process: it has asked for its table (export_tables.cpp).
bool runtime_is_present();

// The devices the program may see, as ordinals of the inventory (CUDA_VISIBLE_DEVICES is the driver's
// to obey: cuda-driver facts, section 5.1). Valid after cuInit.
int visible_devices();
int server_ordinal(CUdevice device);                // -1: no such device
const api::DeviceFacts& facts_of(CUdevice device);  // which must be visible

// This thread's current context, or null.
Context* current();
// The context behind a handle, or null when it is none of ours or was destroyed.
Context* find_context(CUcontext handle);
inline CUcontext handle_of(Context* context) { return reinterpret_cast<CUcontext>(context); }
// The primary context object of a device; made on demand, not retained.
Context* primary_context(CUdevice device);

// CUDA_SUCCESS when this thread has an active context; then current_context() is set for forward().
CUresult require_context();

// The context's memory, modules, streams and stored data are gone at the worker; forget them here.
// Implemented beside the data: forget_storage in context_storage.cpp, forget_objects in objects.cpp
// (memory map, modules, streams of that context).
void forget_storage(Context& context);
void forget_objects(Context& context);

}  // namespace client
