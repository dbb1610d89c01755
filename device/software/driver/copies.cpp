// Flat copies: checks what each function promises and hands the bytes to copy_rows().
#include "device/software/driver/checking.h"
#include "device/software/driver/copying.h"
#include "device/software/driver/functions.h"

namespace software {
namespace {

enum class Side : uint8_t { host, device, any };

uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

// Pinned and managed memory lies in the window; it may be read in the stream's turn. Other host memory may not.
bool pageable(uint64_t address) { return !in_window(address); }

bool valid(Side side, uint64_t address, size_t size) {
  if (size == 0) return true;
  if (side == Side::host) return address != 0;
  if (side == Side::any && !in_window(address)) return address != 0;
  if (accessible(address, size)) return true;
  report_range("a memcpy", address, size);
  return false;
}

CUresult copy(Side to_side, uint64_t to, Side from_side, uint64_t from, size_t size, CUstream handle, Wait wait) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(handle, context, stream)) return bad;
  if (!valid(to_side, to, size) || !valid(from_side, from, size)) return CUDA_ERROR_INVALID_VALUE;
  bool from_host = from_side != Side::device && pageable(from);
  return copy_rows(context, stream,
                   {reinterpret_cast<uint8_t*>(to), reinterpret_cast<const uint8_t*>(from), size, size, size, size,
                    size, 1, 1, from_host},
                   wait);
}

}  // namespace

CUresult cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  return copy(Side::device, dstDevice, Side::host, address_of(srcHost), ByteCount, nullptr, Wait::copied);
}

CUresult cuMemcpyDtoH_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  return copy(Side::host, address_of(dstHost), Side::device, srcDevice, ByteCount, nullptr, Wait::copied);
}

// Between device memory, the host does not wait (CUDA Driver API, "API synchronization behavior").
CUresult cuMemcpyDtoD_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
  return copy(Side::device, dstDevice, Side::device, srcDevice, ByteCount, nullptr, Wait::queued);
}

CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
  return copy(Side::any, dst, Side::any, src, ByteCount, nullptr, Wait::copied);
}

CUresult cuMemcpyPeer(CUdeviceptr dstDevice, CUcontext, CUdeviceptr srcDevice, CUcontext, size_t ByteCount) {
  return copy(Side::device, dstDevice, Side::device, srcDevice, ByteCount, nullptr, Wait::queued);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return copy(Side::device, dstDevice, Side::host, address_of(srcHost), ByteCount, hStream, Wait::queued);
}

// Never waits, whatever memory the destination is: whoever has pageable memory there waits for the stream.
CUresult cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return copy(Side::host, address_of(dstHost), Side::device, srcDevice, ByteCount, hStream, Wait::queued);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return copy(Side::device, dstDevice, Side::device, srcDevice, ByteCount, hStream, Wait::queued);
}

CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  return copy(Side::any, dst, Side::any, src, ByteCount, hStream, Wait::queued);
}

CUresult cuMemcpyPeerAsync(CUdeviceptr dstDevice, CUcontext, CUdeviceptr srcDevice, CUcontext, size_t ByteCount,
                           CUstream hStream) {
  return copy(Side::device, dstDevice, Side::device, srcDevice, ByteCount, hStream, Wait::queued);
}

}  // namespace software
