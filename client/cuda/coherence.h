// Host memory that kernels see, over a link: both sides have it, and it is made alike where CUDA says that a program
// may look (CUDA C++ Programming Guide, "Coherency and Concurrency" of unified memory): what the host changed goes to
// the device before a launch, what the device changed comes back after a wait. A copy of what both last agreed on
// tells who changed which bytes, so neither side's writes are lost.
//
// In process every function here does nothing: there is one memory. All are thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "api/cuda/abi.h"

namespace client {

struct Context;

// Pinned memory at an address that both sides have. `always`: kernels may find it through pointers in memory, not
// only through their parameters (CU_MEMHOSTALLOC_DEVICEMAP).
CUresult share_pinned(void** block, size_t size, bool always);
// The program's own memory; kernels see it at device_address().
CUresult share_registered(uint64_t address, size_t size, bool always);
// Device memory that the host sees at the same address. `from_device`: it has contents already; otherwise zeros.
CUresult share_managed(uint64_t address, size_t size, bool from_device);
void unshare(uint64_t address);
void forget_shared(const Context& context);
// Where kernels find shared memory: the address itself but for registered memory.
uint64_t device_address(uint64_t host);

// Both sides have these very bytes of pinned memory: a copy from or to them names them only.
bool is_same_memory(const void* host, size_t size);

// Before a kernel with these parameters is sent to `stream` (as the server knows it).
CUresult before_launch(std::span<const std::byte> parameters, CUstream stream);
// Before the device reads or writes `address` in a copy or a fill.
CUresult before_device_use(uint64_t address, CUstream stream);
// Before the host's bytes at `address` are read for a copy that comes after work in `stream` (as the program knows it).
CUresult before_host_use(const void* address, CUstream stream);
// Before a wait: a kernel that runs may wait for what the host has written into pinned memory since.
CUresult before_wait();
// After a wait: returns `waited`, or the error of bringing things home. `everything`: no work is left in the context.
CUresult after_wait(CUresult waited, bool everything);

}  // namespace client
