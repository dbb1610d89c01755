// Contexts: creation, the current one of each thread, limits, synchronisation.
#include <algorithm>
#include <type_traits>

#include "device/software/driver/functions.h"
#include "device/software/driver/limits.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

// The calling thread's context stack; the last entry is current. Trivially destructible, because cudart calls the
// driver after thread_local destructors have run; a push beyond its depth, which no program comes near, is refused.
class ContextStack {
 public:
  Context* current() const { return depth_ ? contexts_[depth_ - 1] : nullptr; }
  bool empty() const { return !depth_; }
  bool push(Context* context) {
    if (depth_ == limit) return false;
    contexts_[depth_++] = context;
    return true;
  }
  void pop() { --depth_; }
  void remove(Context* context) {
    depth_ = static_cast<int>(std::remove(contexts_, contexts_ + depth_, context) - contexts_);
  }

 private:
  static constexpr int limit = 64;
  Context* contexts_[limit];
  int depth_ = 0;
};

ContextStack& stack() {
  static_assert(std::is_trivially_destructible_v<ContextStack>);
  static thread_local ContextStack the;
  return the;
}

Context* current() { return stack().current(); }

CUcontext handle_of(Context* context) { return reinterpret_cast<CUcontext>(context); }

CUresult create(CUcontext* handle, unsigned flags, CUdevice ordinal) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!handle || (flags & ~static_cast<unsigned>(CU_CTX_FLAGS_MASK))) return CUDA_ERROR_INVALID_VALUE;
  if (!device().has(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  auto on = static_cast<unsigned>(ordinal);
  Context* made = device().contexts.add(std::make_shared<Context>(on, flags, ++device().numbers));
  if (!stack().push(made)) {
    device().contexts.remove(handle_of(made));
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *handle = handle_of(made);
  return CUDA_SUCCESS;
}

CUresult destroy(CUcontext handle) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  std::shared_ptr<Context> context = device().contexts.find(handle);
  if (!context || device().is_primary(context.get())) return CUDA_ERROR_INVALID_CONTEXT;
  device().contexts.remove(handle);
  context->alive = false;
  context->clear();
  stack().remove(context.get());
  return CUDA_SUCCESS;
}

// With its lock held.
void end_primary(Ordinal& at) {
  if (!at.primary) return;
  at.primary->alive = false;
  at.primary->clear();
}

CUresult check_ordinal(CUdevice ordinal) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  return device().has(ordinal) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult synchronise(Context& context) {
  context.wait_all();
  context.flush();
  return context.error();
}

}  // namespace

CUresult enter_failed(std::shared_ptr<Context>& context) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (in_host_function()) return CUDA_ERROR_NOT_PERMITTED;
  Context* now = current();
  if (!now) return CUDA_ERROR_INVALID_CONTEXT;
  context = device().contexts.find(now);
  return context && context->alive ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

CUresult enter(std::shared_ptr<Context>& context) {
  CUresult result = enter_failed(context);
  return result ? result : context->error();
}

CUresult cuCtxCreate_v2(CUcontext* pctx, unsigned int flags, CUdevice dev) { return create(pctx, flags, dev); }

CUresult cuCtxCreate_v4(CUcontext* pctx, CUctxCreateParams*, unsigned int flags, CUdevice dev) {
  return create(pctx, flags, dev);
}

CUresult cuCtxDestroy_v2(CUcontext ctx) { return destroy(ctx); }

CUresult cuCtxPushCurrent_v2(CUcontext ctx) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  std::shared_ptr<Context> context = device().contexts.find(ctx);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  return stack().push(context.get()) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuCtxPopCurrent_v2(CUcontext* pctx) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (stack().empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (pctx) *pctx = handle_of(current());
  stack().pop();
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext ctx) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (current() == reinterpret_cast<Context*>(ctx)) return CUDA_SUCCESS;
  if (ctx && !device().contexts.find(ctx)) return CUDA_ERROR_INVALID_CONTEXT;
  if (!stack().empty()) stack().pop();
  if (ctx) stack().push(reinterpret_cast<Context*>(ctx));
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext* pctx) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  *pctx = handle_of(current());
  return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice* dev) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter_failed(context)) return bad;
  if (!dev) return CUDA_ERROR_INVALID_VALUE;
  *dev = static_cast<CUdevice>(context->ordinal);
  return CUDA_SUCCESS;
}

CUresult cuCtxGetFlags(unsigned int* flags) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter_failed(context)) return bad;
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = context->flags;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!ctxId) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Context> context = device().contexts.find(ctx ? reinterpret_cast<Context*>(ctx) : current());
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  *ctxId = context->id();
  return CUDA_SUCCESS;
}

CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!version) return CUDA_ERROR_INVALID_VALUE;
  if (ctx && !device().contexts.find(ctx)) return CUDA_ERROR_INVALID_CONTEXT;
  *version = 3020;  // what NVIDIA's driver has answered since cuCtxCreate_v2
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize() {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter_failed(context)) return bad;
  return synchronise(*context);
}

CUresult cuCtxSynchronize_v2(CUcontext ctx) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  std::shared_ptr<Context> context = device().contexts.find(ctx ? reinterpret_cast<Context*>(ctx) : current());
  return context ? synchronise(*context) : CUDA_ERROR_INVALID_CONTEXT;
}

CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::lock_guard hold(context->limits_lock);
  auto found = context->limits.find(limit);
  if (found == context->limits.end()) return CUDA_ERROR_UNSUPPORTED_LIMIT;
  if (limit == CU_LIMIT_CIG_ENABLED) return CUDA_ERROR_INVALID_VALUE;  // a property of the context: read-only
  if (limit == CU_LIMIT_STACK_SIZE && value > (size_t{512} << 10)) return CUDA_ERROR_INVALID_VALUE;
  if (limit == CU_LIMIT_MALLOC_HEAP_SIZE && !context->heap().resize(value)) return CUDA_ERROR_INVALID_VALUE;
  found->second = value;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetLimit(size_t* pvalue, CUlimit limit) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!pvalue) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(context->limits_lock);
  auto found = context->limits.find(limit);
  if (found == context->limits.end()) return CUDA_ERROR_UNSUPPORTED_LIMIT;
  *pvalue = found->second;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (leastPriority) *leastPriority = limit::least_priority;
  if (greatestPriority) *greatestPriority = limit::greatest_priority;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  if (CUresult bad = check_ordinal(dev)) return bad;
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  Ordinal& at = device().ordinals[dev];
  std::lock_guard hold(at.lock);
  if (!at.primary) {
    at.primary = std::make_shared<Context>(static_cast<unsigned>(dev), at.flags, ++device().numbers);
    device().contexts.add(at.primary);
  }
  at.primary->alive = true;
  ++at.uses;
  *pctx = handle_of(at.primary.get());
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
  if (CUresult bad = check_ordinal(dev)) return bad;
  Ordinal& at = device().ordinals[dev];
  std::lock_guard hold(at.lock);
  if (at.uses == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--at.uses == 0) end_primary(at);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
  if (CUresult bad = check_ordinal(dev)) return bad;
  Ordinal& at = device().ordinals[dev];
  std::lock_guard hold(at.lock);
  at.uses = 0;
  end_primary(at);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  if (CUresult bad = check_ordinal(dev)) return bad;
  if (flags & ~static_cast<unsigned>(CU_CTX_FLAGS_MASK)) return CUDA_ERROR_INVALID_VALUE;
  Ordinal& at = device().ordinals[dev];
  std::lock_guard hold(at.lock);
  at.flags = flags;
  if (at.primary) at.primary->flags = flags;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  if (CUresult bad = check_ordinal(dev)) return bad;
  Ordinal& at = device().ordinals[dev];
  std::lock_guard hold(at.lock);
  if (flags) *flags = at.flags;
  if (active) *active = at.uses > 0;
  return CUDA_SUCCESS;
}

}  // namespace software
