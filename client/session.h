// The client's one connection to a device: what every stand-in calls to get something done there.
//
// Two implementations, chosen at link time: connection.cpp (over a link, to a worker) and direct.cpp
// (the worker's functions in this process). Nothing above this header knows which one it has.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "api/cuda/abi.h"
#include "api/cuda/device_facts.h"
#include "api/cuda/internal.h"
#include "api/opcode.h"
#include "api/roles.h"
#include "client/effects.h"

namespace client {

using api::attribute_count, api::DeviceFacts, api::Inventory;

// One wire row: a function that travels.
struct Row {
  uint32_t opcode;
  const char* name;
  bool waits;  // CALL
  Effect effect;
};
constexpr Row make_row(const char* name, bool waits) {
  return {api::opcode(name), name, waits, effect_of(name, waits)};
}

// Connects on first use; later calls return the first answer. CUDA_ERROR_NO_DEVICE when no server can be
// reached (one sentence in the log says which target was tried and why it failed), thread-safe.
CUresult connect();
// Valid after connect() succeeded; constant from then on.
const Inventory& inventory();
// True in the process that connected; false in a child forked afterwards, where every call answers
// CUDA_ERROR_NOT_INITIALIZED.
bool usable();

// A fresh object number, never 0, 1 or 2 (the default streams) and never used before in this process.
// `count` numbers in a row are reserved; the first is returned.
uint64_t new_number(size_t count = 1);

// Sends one call with the thread's current context (current_context()) and, if it waits, fills in what
// comes back. A POST returns CUDA_SUCCESS once queued, or the connection's sticky error; an error of an
// earlier POST is returned by the next call that waits. Thread-safe.
CUresult forward(const Row& row, std::span<const api::Role> roles);

// The context number that travels with this thread's calls; set by client/cuda/contexts.cpp.
uint64_t& current_context();

// Why nothing of this thread's context works any more, as far as it is known here; CUDA_SUCCESS: it works.
CUresult context_failure();
// The context is gone, and whatever was under way in it.
void forget_context(uint64_t number);

// Announces room for an asynchronous device-to-host copy; the number goes into obCopyToHostAsync. The bytes are
// in place when a waiting call that covers the stream returns.
uint64_t expect_transfer(void* destination, size_t size);

// Host functions: `run` is called on a thread of the client's own, which is started at the first call of this
// function; returns the number that goes into obHostFunction. Each number runs once.
uint64_t register_host_function(void (*run)(void* data), void* data);

// The same for graphs, which do the same work at every launch: good until they are forgotten, and run or filled as
// often as the device says so.
uint64_t lasting_transfer(void* destination, size_t size);
uint64_t lasting_host_function(void (*run)(void* data), void* data);
void forget_lasting(uint64_t number);

// The number of the last work in a stream of the current context, as resolve() gives it (client/queued.h), and whether
// that work is known to be done.
uint64_t last_work(CUstream stream);
bool work_is_done(uint64_t number, CUstream stream);

// True when the device lives in this process: host pointers may be handed to it as they are.
bool in_process();

// The memory of the window's host area, where the device's side has mapped the same: what lies there needs no copy.
// -1: it is not shared.
int shared_host_area();

// The digest by which a server may know these bytes. False: the device is in this process, and nothing travels.
bool name_image(std::span<const std::byte> image, ImageDigest& digest);

// Sends what is queued; called before exit and by streams that are polled.
void flush();

// The thread that sends what is queued looks soon whether something is to be sent.
void expect_sending();

}  // namespace client

// The rows that travel, callable from client/cuda: remote::cuMemAlloc_v2(&p, n), remote::obLaunch(...).
namespace remote {
#define CALL(since, name, params, ...) CUresult name params;
#define POST(since, name, params, ...) CUresult name params;
#define HAND_CALL(since, name, params, ...) CUresult name params;
#define HAND_POST(since, name, params, ...) CUresult name params;
#include "api/cuda/cuda.def"
#define CALL(since, name, params, ...) CUresult name params;
#define POST(since, name, params, ...) CUresult name params;
#include "api/cuda/internal.def"
}  // namespace remote
