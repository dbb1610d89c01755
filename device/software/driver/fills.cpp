// Memsets: patterns of 1, 2 or 4 bytes over a range or over rows.
#include <algorithm>
#include <cstring>

#include "device/software/driver/checking.h"
#include "device/software/driver/copying.h"
#include "device/software/driver/functions.h"
#include "device/software/run/faults.h"

namespace software {
namespace {

constexpr size_t worth_a_thread = 1 << 20;  // bytes

struct Fill {
  uint64_t address;
  size_t pitch;  // bytes between rows
  uint32_t value;
  unsigned element;      // bytes
  size_t width, height;  // elements, rows
};

// Fills the first part element by element and doubles it; the copies are guarded as all copies are.
bool fill_row(uint64_t address, uint32_t value, unsigned element, size_t bytes) {
  uint8_t pattern[256];
  for (size_t i = 0; i < sizeof pattern; i += element) std::memcpy(pattern + i, &value, element);
  note_written(address, bytes);
  auto* to = reinterpret_cast<uint8_t*>(address);
  size_t filled = std::min(bytes, sizeof pattern);
  if (!guarded_copy(to, pattern, filled)) return false;
  constexpr size_t most = 64 << 10;  // stays in the nearest cache
  while (filled < bytes) {
    size_t part = std::min({filled, bytes - filled, most});
    if (!guarded_copy(to + filled, to, part)) return false;
    filled += part;
  }
  return true;
}

bool fill(const Fill& what) {
  if (what.height == 1 || what.pitch == what.width * what.element)
    return fill_row(what.address, what.value, what.element, what.width * what.element * what.height);
  for (size_t y = 0; y < what.height; ++y)
    if (!fill_row(what.address + y * what.pitch, what.value, what.element, what.width * what.element)) return false;
  return true;
}

// All forms return once the fill is queued (CUDA Driver API, "API synchronization behavior").
CUresult memset(const Fill& what, CUstream handle) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(handle, context, stream)) return bad;
  size_t row, extent;
  if (__builtin_mul_overflow(what.width, what.element, &row)) return CUDA_ERROR_INVALID_VALUE;
  if (what.address % what.element || (what.height > 1 && (what.pitch % what.element || what.pitch < row)))
    return CUDA_ERROR_INVALID_VALUE;
  if (row == 0 || what.height == 0) return CUDA_SUCCESS;
  if (__builtin_mul_overflow(what.height - 1, what.pitch, &extent) || __builtin_add_overflow(extent, row, &extent))
    return CUDA_ERROR_INVALID_VALUE;
  if (!accessible(what.address, extent)) {
    report_range("a memset", what.address, extent);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (extent < worth_a_thread && context->idle(stream)) return fill(what) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  context->submit(stream, [context, what] {
    if (context->error() == CUDA_SUCCESS && !fill(what)) context->fail(CUDA_ERROR_ILLEGAL_ADDRESS);
  });
  return CUDA_SUCCESS;
}

}  // namespace

CUresult cuMemsetD8_v2(CUdeviceptr dstDevice, unsigned char uc, size_t N) {
  return memset({dstDevice, 0, uc, 1, N, 1}, nullptr);
}
CUresult cuMemsetD16_v2(CUdeviceptr dstDevice, unsigned short us, size_t N) {
  return memset({dstDevice, 0, us, 2, N, 1}, nullptr);
}
CUresult cuMemsetD32_v2(CUdeviceptr dstDevice, unsigned int ui, size_t N) {
  return memset({dstDevice, 0, ui, 4, N, 1}, nullptr);
}
CUresult cuMemsetD2D8_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned char uc, size_t Width, size_t Height) {
  return memset({dstDevice, dstPitch, uc, 1, Width, Height}, nullptr);
}
CUresult cuMemsetD2D16_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned short us, size_t Width, size_t Height) {
  return memset({dstDevice, dstPitch, us, 2, Width, Height}, nullptr);
}
CUresult cuMemsetD2D32_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned int ui, size_t Width, size_t Height) {
  return memset({dstDevice, dstPitch, ui, 4, Width, Height}, nullptr);
}
CUresult cuMemsetD8Async(CUdeviceptr dstDevice, unsigned char uc, size_t N, CUstream hStream) {
  return memset({dstDevice, 0, uc, 1, N, 1}, hStream);
}
CUresult cuMemsetD16Async(CUdeviceptr dstDevice, unsigned short us, size_t N, CUstream hStream) {
  return memset({dstDevice, 0, us, 2, N, 1}, hStream);
}
CUresult cuMemsetD32Async(CUdeviceptr dstDevice, unsigned int ui, size_t N, CUstream hStream) {
  return memset({dstDevice, 0, ui, 4, N, 1}, hStream);
}
CUresult cuMemsetD2D8Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned char uc, size_t Width, size_t Height,
                           CUstream hStream) {
  return memset({dstDevice, dstPitch, uc, 1, Width, Height}, hStream);
}
CUresult cuMemsetD2D16Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned short us, size_t Width, size_t Height,
                            CUstream hStream) {
  return memset({dstDevice, dstPitch, us, 2, Width, Height}, hStream);
}
CUresult cuMemsetD2D32Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned int ui, size_t Width, size_t Height,
                            CUstream hStream) {
  return memset({dstDevice, dstPitch, ui, 4, Width, Height}, hStream);
}

}  // namespace software
