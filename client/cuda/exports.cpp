// The exported functions that need no hand: CALL and POST rows are forwarded, NONE rows refuse honestly.
#include <atomic>

#include "api/opcode.h"
#include "base/log.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/streams.h"
#include "client/session.h"

// Only Outboard's stand-ins for a driver have it: whoever looks for the vendor's own passes them over
// (device/nvidia/vendor.cpp).
extern "C" __attribute__((visibility("default"))) const char outboard_stand_in[];
const char outboard_stand_in[] = "Outboard";

namespace {

// Default streams become what the server knows before a call leaves (streams.h).
CUresult forward_in_context(const client::Row& row, std::span<const api::Role> roles) {
  if (CUresult result = client::require_context()) return result;
  CUstream stream = nullptr;
  for (const api::Role& role : roles)
    if (role.kind == api::Role::handle && role.type == &api::type_of<CUstream>)
      role.pointer() = stream = client::resolve(static_cast<CUstream>(role.pointer()));
  for (const api::Role& role : roles)
    if (role.kind == api::Role::address)
      if (CUresult result = client::before_device_use(*static_cast<CUdeviceptr*>(role.parameter), stream))
        return result;
  return client::forward(row, roles);
}

CUresult refuse(std::atomic_flag& said, const char* name) {
  if (!said.test_and_set()) base::log(base::Level::warn, "unsupported-function", {{"name", name}});
  return CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace

#pragma GCC diagnostic ignored "-Wunused-parameter"

using namespace api::role;

#define FORWARDED(name, params, waits, ...)                                       \
  OUTBOARD_EXPORT CUresult name params {                                          \
    static constexpr client::Row row = client::make_row(#name, waits);            \
    return forward_in_context(row, api::row(&::name __VA_OPT__(, ) __VA_ARGS__)); \
  }
#define CALL(since, name, params, ...) FORWARDED(name, params, true __VA_OPT__(, ) __VA_ARGS__)
#define POST(since, name, params, ...) FORWARDED(name, params, false __VA_OPT__(, ) __VA_ARGS__)
#define NONE(since, name, params)        \
  OUTBOARD_EXPORT CUresult name params { \
    static std::atomic_flag said;        \
    return refuse(said, #name);          \
  }
#include "api/cuda/cuda.def"
