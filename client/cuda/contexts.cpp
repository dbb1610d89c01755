// Contexts and the current-context stack. Only creating, destroying and synchronising a context leave
// the process.
#include "client/cuda/contexts.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "client/cuda/functions.h"
#include "client/session.h"

namespace client {
namespace {

// Depth beyond which a push is refused; programs use a handful. Small, because a library that a program loads late has
// little room for thread-local data (glibc, "static TLS").
constexpr int stack_limit = 32;

// Trivially destructible, because cudart calls the driver after thread_local destructors have run.
thread_local Context* stack[stack_limit];
thread_local int depth = 0;

// Every context of this process, primary ones first made on demand. Leaked on purpose: code that runs
// at exit still uses it.
struct Contexts {
  std::mutex lock;
  std::vector<Context*> all;
  std::vector<Context*> primary;  // by the program's ordinal
  uint64_t last_id = 0;
};
Contexts& contexts() {
  static auto* the = new Contexts;
  return *the;
}

Context* add_context(CUdevice device, bool primary) {  // caller holds the lock
  auto* context = std::make_unique<Context>().release();
  context->device = device;
  context->primary = primary;
  context->id = ++contexts().last_id;
  contexts().all.push_back(context);
  return context;
}

// A destroyed primary context comes back under a new identity: cuCtxGetId is never used twice.
void deactivate(Context& context) {
  context.active = false;
  context.references = 0;
  forget_storage(context);
  forget_objects(context);
  context.number = 0;
  context.limits = Context::unknown_limits();
  if (context.primary) {
    std::lock_guard guard(contexts().lock);
    context.id = ++contexts().last_id;
  }
}

CUresult set_top(Context* context) {
  if (!context) {
    if (depth) --depth;
    return CUDA_SUCCESS;
  }
  if (!depth) depth = 1;
  stack[depth - 1] = context;
  return CUDA_SUCCESS;
}

CUresult push(Context* context) {
  if (depth == stack_limit) return CUDA_ERROR_OUT_OF_MEMORY;
  stack[depth++] = context;
  return CUDA_SUCCESS;
}

// Runs `body` with `context` current, as the functions do that name a context of their own.
template <class Body>
CUresult with_context(CUcontext handle, Body body) {
  if (!handle) return body();
  Context* context = find_context(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  if (CUresult result = push(context)) return result;
  CUresult result = body();
  --depth;
  return result;
}

}  // namespace

Context* current() { return depth ? stack[depth - 1] : nullptr; }

Context* find_context(CUcontext handle) {
  auto* wanted = reinterpret_cast<Context*>(handle);
  if (wanted == current()) return wanted;
  std::lock_guard guard(contexts().lock);
  for (Context* context : contexts().all)
    if (context == wanted) return context;
  return nullptr;
}

Context* primary_context(CUdevice device) {
  if (server_ordinal(device) < 0) return nullptr;
  std::lock_guard guard(contexts().lock);
  auto& primary = contexts().primary;
  if (primary.size() <= static_cast<size_t>(device)) primary.resize(device + 1);
  if (!primary[device]) primary[device] = add_context(device, true);
  return primary[device];
}

CUresult require_context() {
  if (!initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = current();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!context->active) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  current_context() = context->number;
  return CUDA_SUCCESS;
}

}  // namespace client

using client::Context;

// --- primary contexts (CUDA Driver API, "Primary Context Management") ---

OUTBOARD_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  Context* context = client::primary_context(dev);
  if (!context) return CUDA_ERROR_INVALID_DEVICE;
  static std::mutex& retaining = *std::make_unique<std::mutex>().release();
  std::lock_guard guard(retaining);
  if (!context->active) {
    client::current_context() = 0;
    CUcontext number = nullptr;
    if (CUresult result = remote::cuDevicePrimaryCtxRetain(&number, client::server_ordinal(dev))) return result;
    context->number = reinterpret_cast<uint64_t>(number);
    context->active = true;
  }
  ++context->references;
  *pctx = client::handle_of(context);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = client::primary_context(dev);
  if (!context) return CUDA_ERROR_INVALID_DEVICE;
  if (!context->active || context->references == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--context->references) return CUDA_SUCCESS;
  client::deactivate(*context);
  client::current_context() = 0;
  return remote::cuDevicePrimaryCtxRelease_v2(client::server_ordinal(dev));
}

OUTBOARD_EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = client::primary_context(dev);
  if (!context) return CUDA_ERROR_INVALID_DEVICE;
  if (!context->active) return CUDA_SUCCESS;
  client::deactivate(*context);
  client::current_context() = 0;
  return remote::cuDevicePrimaryCtxReset_v2(client::server_ordinal(dev));
}

OUTBOARD_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = client::primary_context(dev);
  if (!context) return CUDA_ERROR_INVALID_DEVICE;
  if (!flags || !active) return CUDA_ERROR_INVALID_VALUE;
  *flags = context->flags;
  *active = context->active;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = client::primary_context(dev);
  if (!context) return CUDA_ERROR_INVALID_DEVICE;
  context->flags = flags;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice dev) { return cuDevicePrimaryCtxRelease_v2(dev); }
OUTBOARD_EXPORT CUresult cuDevicePrimaryCtxReset(CUdevice dev) { return cuDevicePrimaryCtxReset_v2(dev); }
OUTBOARD_EXPORT CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned int flags) {
  return cuDevicePrimaryCtxSetFlags_v2(dev, flags);
}

// --- contexts of the program's own ---

OUTBOARD_EXPORT CUresult cuCtxCreate_v2(CUcontext* pctx, unsigned int flags, CUdevice dev) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  int ordinal = client::server_ordinal(dev);
  if (ordinal < 0) return CUDA_ERROR_INVALID_DEVICE;
  client::current_context() = 0;
  CUcontext number = nullptr;
  if (CUresult result = remote::cuCtxCreate_v2(&number, flags, ordinal)) return result;
  Context* context = nullptr;
  {
    std::lock_guard guard(client::contexts().lock);
    context = client::add_context(dev, false);
  }
  context->number = reinterpret_cast<uint64_t>(number);
  context->flags = flags;
  context->active = true;
  *pctx = client::handle_of(context);
  return client::push(context);
}

OUTBOARD_EXPORT CUresult cuCtxCreate(CUcontext* pctx, unsigned int flags, CUdevice dev) {
  return cuCtxCreate_v2(pctx, flags, dev);
}

OUTBOARD_EXPORT CUresult cuCtxCreate_v3(CUcontext* pctx, CUexecAffinityParam*, int numParams, unsigned int flags,
                                        CUdevice dev) {
  if (numParams) return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
  return cuCtxCreate_v2(pctx, flags, dev);
}

OUTBOARD_EXPORT CUresult cuCtxCreate_v4(CUcontext* pctx, CUctxCreateParams* ctxCreateParams, unsigned int flags,
                                        CUdevice dev) {
  if (ctxCreateParams && ctxCreateParams->numExecAffinityParams) return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
  return cuCtxCreate_v2(pctx, flags, dev);
}

OUTBOARD_EXPORT CUresult cuCtxDestroy_v2(CUcontext ctx) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = client::find_context(ctx);
  if (!context || context->primary || !context->active) return CUDA_ERROR_INVALID_CONTEXT;
  CUcontext number = reinterpret_cast<CUcontext>(context->number);
  if (client::current() == context) --client::depth;
  client::deactivate(*context);
  client::current_context() = 0;
  return remote::cuCtxDestroy_v2(number);
}

OUTBOARD_EXPORT CUresult cuCtxDestroy(CUcontext ctx) { return cuCtxDestroy_v2(ctx); }

OUTBOARD_EXPORT CUresult cuCtxAttach(CUcontext* pctx, unsigned int flags) {
  if (!pctx || flags) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = client::require_context()) return result;
  *pctx = client::handle_of(client::current());
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuCtxDetach(CUcontext ctx) { return cuCtxDestroy_v2(ctx); }

// --- the stack ---

OUTBOARD_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext ctx) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = client::find_context(ctx);
  return context ? client::push(context) : CUDA_ERROR_INVALID_CONTEXT;
}

OUTBOARD_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext* pctx) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!client::depth) return CUDA_ERROR_INVALID_CONTEXT;
  if (pctx) *pctx = client::handle_of(client::current());
  --client::depth;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuCtxPushCurrent(CUcontext ctx) { return cuCtxPushCurrent_v2(ctx); }
OUTBOARD_EXPORT CUresult cuCtxPopCurrent(CUcontext* pctx) { return cuCtxPopCurrent_v2(pctx); }

OUTBOARD_EXPORT CUresult cuCtxSetCurrent(CUcontext ctx) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = ctx ? client::find_context(ctx) : nullptr;
  return ctx && !context ? CUDA_ERROR_INVALID_CONTEXT : client::set_top(context);
}

OUTBOARD_EXPORT CUresult cuCtxGetCurrent(CUcontext* pctx) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  *pctx = client::handle_of(client::current());
  return CUDA_SUCCESS;
}

// --- what a context says about itself ---

namespace {

// The named context, or the current one for null.
Context* named_or_current(CUcontext ctx) { return ctx ? client::find_context(ctx) : client::current(); }

template <class Read>
CUresult read_context(CUcontext ctx, Read read) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* context = named_or_current(ctx);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  read(*context);
  return CUDA_SUCCESS;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext ctx) {
  if (!device) return CUDA_ERROR_INVALID_VALUE;
  return read_context(ctx, [&](Context& context) { *device = context.device; });
}

OUTBOARD_EXPORT CUresult cuCtxGetDevice(CUdevice* device) { return cuCtxGetDevice_v2(device, nullptr); }

OUTBOARD_EXPORT CUresult cuCtxGetFlags(unsigned int* flags) {
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  return read_context(nullptr, [&](Context& context) { *flags = context.flags; });
}

OUTBOARD_EXPORT CUresult cuCtxSetFlags(unsigned int flags) {
  return read_context(nullptr, [&](Context& context) { context.flags = flags; });
}

OUTBOARD_EXPORT CUresult cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  if (!ctxId) return CUDA_ERROR_INVALID_VALUE;
  return read_context(ctx, [&](Context& context) { *ctxId = context.id; });
}

OUTBOARD_EXPORT CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  if (!version) return CUDA_ERROR_INVALID_VALUE;
  return read_context(ctx, [&](Context& context) { *version = context.version; });
}

OUTBOARD_EXPORT CUresult cuCtxGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  return read_context(nullptr, [&](Context&) {
    if (leastPriority) *leastPriority = 0;
    if (greatestPriority) *greatestPriority = -5;
  });
}

OUTBOARD_EXPORT CUresult cuCtxGetCacheConfig(CUfunc_cache* pconfig) {
  if (!pconfig) return CUDA_ERROR_INVALID_VALUE;
  return read_context(nullptr, [&](Context&) { *pconfig = CU_FUNC_CACHE_PREFER_NONE; });
}

OUTBOARD_EXPORT CUresult cuCtxSetCacheConfig(CUfunc_cache) {
  return read_context(nullptr, [](Context&) {});
}

OUTBOARD_EXPORT CUresult cuCtxGetSharedMemConfig(CUsharedconfig* pConfig) {
  if (!pConfig) return CUDA_ERROR_INVALID_VALUE;
  return read_context(nullptr, [&](Context&) { *pConfig = CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE; });
}

OUTBOARD_EXPORT CUresult cuCtxSetSharedMemConfig(CUsharedconfig) {
  return read_context(nullptr, [](Context&) {});
}

OUTBOARD_EXPORT CUresult cuCtxResetPersistingL2Cache() {
  return read_context(nullptr, [](Context&) {});
}

OUTBOARD_EXPORT CUresult cuCtxGetExecAffinity(CUexecAffinityParam*, CUexecAffinityType) {
  return client::initialised() ? CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY : CUDA_ERROR_NOT_INITIALIZED;
}

OUTBOARD_EXPORT CUresult cuCtxSynchronize_v2(CUcontext ctx) {
  return client::with_context(ctx, [] { return cuCtxSynchronize(); });
}

OUTBOARD_EXPORT CUresult cuCtxRecordEvent(CUcontext hCtx, CUevent hEvent) {
  return client::with_context(hCtx, [&] { return cuEventRecord(hEvent, nullptr); });
}

OUTBOARD_EXPORT CUresult cuCtxWaitEvent(CUcontext hCtx, CUevent hEvent) {
  return client::with_context(hCtx, [&] { return cuStreamWaitEvent(nullptr, hEvent, 0); });
}

// The device may make another value of it.
OUTBOARD_EXPORT CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  if (CUresult result = client::require_context()) return result;
  if (limit < limit_count) client::current()->limits[limit] = Context::unknown_limit;
  return remote::cuCtxSetLimit(limit, value);
}

OUTBOARD_EXPORT CUresult cuCtxGetLimit(size_t* pvalue, CUlimit limit) {
  if (CUresult result = client::require_context()) return result;
  bool known = limit < limit_count && client::current()->limits[limit] != Context::unknown_limit;
  if (!known || !pvalue) return remote::cuCtxGetLimit(pvalue, limit);
  *pvalue = client::current()->limits[limit];
  return CUDA_SUCCESS;
}
