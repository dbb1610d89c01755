// Contexts: what one costs by itself is counted, and its memory goes when it goes.
#include <map>
#include <mutex>

#include "device/nvidia/budget.h"
#include "device/nvidia/copies.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/memory.h"
#include "device/nvidia/meter.h"
#include "device/nvidia/overhead.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

struct Primary {
  CUcontext context = nullptr;
  unsigned uses = 0;
};
struct Contexts {
  std::mutex lock;
  std::map<CUdevice, Primary> primary;
};
Contexts& contexts() {
  static auto* made = new Contexts;
  return *made;
}

// make(context) asks the driver for a new context; what it takes of the GPU is charged, or it goes again by `undo`.
template <class Make, class Undo>
CUresult charged_after(CUdevice device, CUcontext* context, Make make, Undo undo) {
  CUresult made = CUDA_SUCCESS;
  const uint64_t bytes = bytes_of_context(device, [&] { made = make(context); });
  if (made) return made;
  if (!budget().take(device, bytes)) return undo(*context), CUDA_ERROR_OUT_OF_MEMORY;
  charges().note(*context, {*context, device, bytes});
  return CUDA_SUCCESS;
}

// After the driver has destroyed it.
void forget(CUcontext context) {
  memory().free_all(context);
  forget_staging(context);
  charges().settle_all(context);
}

}  // namespace

CUresult cuCtxCreate_v2(CUcontext* pctx, unsigned int flags, CUdevice dev) {
  auto make = [&](CUcontext* made) {
    if (CUresult result = vendor().cuCtxCreate_v2(made, flags, dev)) return result;
    return vendor().cuCtxPopCurrent_v2(nullptr);  // each call says which context it is for
  };
  return charged_after(dev, pctx, make, [](CUcontext context) { vendor().cuCtxDestroy_v2(context); });
}

CUresult cuCtxDestroy_v2(CUcontext ctx) {
  meter().forget(ctx);
  if (CUresult result = vendor().cuCtxDestroy_v2(ctx)) return result;
  forget(ctx);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  std::lock_guard hold(contexts().lock);
  Primary& primary = contexts().primary[dev];
  auto make = [&](CUcontext* made) { return vendor().cuDevicePrimaryCtxRetain(made, dev); };
  auto undo = [&](CUcontext) { vendor().cuDevicePrimaryCtxRelease_v2(dev); };
  CUresult result = primary.uses ? make(pctx) : charged_after(dev, pctx, make, undo);
  if (result) return result;
  primary.context = *pctx;
  ++primary.uses;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
  std::lock_guard hold(contexts().lock);
  Primary& primary = contexts().primary[dev];
  if (primary.uses == 1) meter().forget(primary.context);
  if (CUresult result = vendor().cuDevicePrimaryCtxRelease_v2(dev)) return result;
  if (--primary.uses == 0) forget(primary.context);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
  std::lock_guard hold(contexts().lock);
  Primary& primary = contexts().primary[dev];
  if (primary.context) meter().forget(primary.context);
  if (CUresult result = vendor().cuDevicePrimaryCtxReset_v2(dev)) return result;
  // The driver lets go of it: who wants it again retains it again.
  for (; primary.uses; --primary.uses) vendor().cuDevicePrimaryCtxRelease_v2(dev);
  if (primary.context) forget(primary.context);
  return CUDA_SUCCESS;
}

}  // namespace nvidia
