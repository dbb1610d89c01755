// Access from one device to the memory of another (CUDA Driver API, "Peer Context Memory Access"). The devices share
// one address window, so enabling it is bookkeeping.
#include "device/software/driver/functions.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

CUresult check_pair(const void* result, CUdevice first, CUdevice second) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return device().has(first) && device().has(second) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

}  // namespace

CUresult cuDeviceCanAccessPeer(int* canAccessPeer, CUdevice dev, CUdevice peerDev) {
  if (CUresult bad = check_pair(canAccessPeer, dev, peerDev)) return bad;
  *canAccessPeer = dev != peerDev;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetP2PAttribute(int* value, CUdevice_P2PAttribute attrib, CUdevice srcDevice, CUdevice dstDevice) {
  if (CUresult bad = check_pair(value, srcDevice, dstDevice)) return bad;
  if (srcDevice == dstDevice) return CUDA_ERROR_INVALID_DEVICE;
  switch (attrib) {
    case CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK: *value = 0; return CUDA_SUCCESS;  // all pairs alike
    case CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED:
    case CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED:
    case CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED: *value = 1; return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuCtxEnablePeerAccess(CUcontext peerContext, unsigned int Flags) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<Context> peer = device().contexts.find(peerContext);
  if (!peer || !peer->alive || peer == context) return CUDA_ERROR_INVALID_CONTEXT;
  if (Flags) return CUDA_ERROR_INVALID_VALUE;
  if (peer->ordinal == context->ordinal) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
  std::lock_guard hold(context->peers_lock);
  return context->peers.insert(peer.get()).second ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
}

CUresult cuCtxDisablePeerAccess(CUcontext peerContext) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<Context> peer = device().contexts.find(peerContext);
  if (!peer || peer == context) return CUDA_ERROR_INVALID_CONTEXT;
  std::lock_guard hold(context->peers_lock);
  return context->peers.erase(peer.get()) ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
}

}  // namespace software
