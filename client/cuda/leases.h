// Device memory that this process hands out itself, within addresses and a budget that the device has lent to the
// context (api/cuda/internal.def, obLease). What was allocated and freed is told to the device before anything else
// that could notice: it sees every allocation as the program does, so its checks and its faults are as sharp as ever,
// and an allocation that is freed before anything used it costs no message.
//
// Where others need what is not in use (a virtual GPU's quota, a real GPU's memory), it goes back when the program has
// been quiet for ten milliseconds, and at the latest after a tenth of a second.
//
// In process, and where the device lends nothing, every allocation asks. All are thread-safe.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "api/cuda/abi.h"

namespace client {

struct Context;

// An allocation in the current context; nothing: ask the device for it.
std::optional<CUresult> lease_memory(CUdeviceptr* address, size_t size);
// False: it does not come from here. `unused`: no work uses it any more, so that the device need not wait.
bool return_memory(uint64_t address, size_t size, bool unused = false);
void forget_lease(const Context& context);

// Something is to be told before the next call is sent. Returns an error that the current context has told instead.
inline std::atomic<bool> memory_changed{false};
CUresult tell_memory_changes();

// The device is out of memory: gives back what nobody uses, pools' memory, too. False: there was nothing.
bool settle_leases();
// How often something was given back, by whichever thread: a call that was refused meanwhile tries again.
uint64_t leases_settled();

// --- for the thread that sends what is queued
// Something is to go back now; `quiet`: the program has not sent anything for a while.
bool leases_are_due(bool quiet);
void return_leases();  // what of it can go back now

}  // namespace client
