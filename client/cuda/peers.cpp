// Several devices: who may reach whose memory, and copies between them. The devices of one server lie in one address
// window, so a copy between two of them is a copy of unified addresses.
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/session.h"

namespace {

using client::Context;

// Both devices as the server counts them.
CUresult translate(CUdevice& first, CUdevice& second) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  first = client::server_ordinal(first);
  second = client::server_ordinal(second);
  return first < 0 || second < 0 ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

// The server's number of a context that is not the current one.
CUresult find_peer(CUcontext handle, CUcontext& number) {
  if (CUresult result = client::require_context()) return result;
  Context* peer = client::find_context(handle);
  if (!peer || peer == client::current() || !peer->active) return CUDA_ERROR_INVALID_CONTEXT;
  number = reinterpret_cast<CUcontext>(peer->number);
  return CUDA_SUCCESS;
}

CUDA_MEMCPY3D without_contexts(const CUDA_MEMCPY3D_PEER& peer) {
  CUDA_MEMCPY3D copy{};
  copy.srcXInBytes = peer.srcXInBytes;
  copy.srcY = peer.srcY;
  copy.srcZ = peer.srcZ;
  copy.srcLOD = peer.srcLOD;
  copy.srcMemoryType = peer.srcMemoryType;
  copy.srcHost = peer.srcHost;
  copy.srcDevice = peer.srcDevice;
  copy.srcArray = peer.srcArray;
  copy.srcPitch = peer.srcPitch;
  copy.srcHeight = peer.srcHeight;
  copy.dstXInBytes = peer.dstXInBytes;
  copy.dstY = peer.dstY;
  copy.dstZ = peer.dstZ;
  copy.dstLOD = peer.dstLOD;
  copy.dstMemoryType = peer.dstMemoryType;
  copy.dstHost = peer.dstHost;
  copy.dstDevice = peer.dstDevice;
  copy.dstArray = peer.dstArray;
  copy.dstPitch = peer.dstPitch;
  copy.dstHeight = peer.dstHeight;
  copy.WidthInBytes = peer.WidthInBytes;
  copy.Height = peer.Height;
  copy.Depth = peer.Depth;
  return copy;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuDeviceCanAccessPeer(int* canAccessPeer, CUdevice dev, CUdevice peerDev) {
  if (CUresult result = translate(dev, peerDev)) return result;
  if (!canAccessPeer) return CUDA_ERROR_INVALID_VALUE;
  client::current_context() = 0;
  return remote::cuDeviceCanAccessPeer(canAccessPeer, dev, peerDev);
}

OUTBOARD_EXPORT CUresult cuDeviceGetP2PAttribute(int* value, CUdevice_P2PAttribute attrib, CUdevice srcDevice,
                                                 CUdevice dstDevice) {
  if (CUresult result = translate(srcDevice, dstDevice)) return result;
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  client::current_context() = 0;
  return remote::cuDeviceGetP2PAttribute(value, attrib, srcDevice, dstDevice);
}

OUTBOARD_EXPORT CUresult cuCtxEnablePeerAccess(CUcontext peerContext, unsigned int Flags) {
  CUcontext number = nullptr;
  if (CUresult result = find_peer(peerContext, number)) return result;
  return remote::cuCtxEnablePeerAccess(number, Flags);
}

OUTBOARD_EXPORT CUresult cuCtxDisablePeerAccess(CUcontext peerContext) {
  CUcontext number = nullptr;
  if (CUresult result = find_peer(peerContext, number)) return result;
  return remote::cuCtxDisablePeerAccess(number);
}

OUTBOARD_EXPORT CUresult cuMemcpyPeerAsync(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice,
                                           CUcontext srcContext, size_t ByteCount, CUstream hStream) {
  if (!client::find_context(dstContext) || !client::find_context(srcContext)) return CUDA_ERROR_INVALID_CONTEXT;
  return cuMemcpyDtoDAsync_v2(dstDevice, srcDevice, ByteCount, hStream);
}

OUTBOARD_EXPORT CUresult cuMemcpyPeer(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice,
                                      CUcontext srcContext, size_t ByteCount) {
  if (CUresult result = cuMemcpyPeerAsync(dstDevice, dstContext, srcDevice, srcContext, ByteCount, nullptr))
    return result;
  return cuStreamSynchronize(nullptr);
}

OUTBOARD_EXPORT CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* pCopy, CUstream hStream) {
  if (!pCopy) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D copy = without_contexts(*pCopy);
  return cuMemcpy3DAsync_v2(&copy, hStream);
}

OUTBOARD_EXPORT CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* pCopy) {
  if (!pCopy) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D copy = without_contexts(*pCopy);
  return cuMemcpy3D_v2(&copy);
}
