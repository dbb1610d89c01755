// The driver copies from pageable memory through a buffer of its own, and waits for the device when that is full (CUDA
// Driver API, "API synchronization behavior"). The thread that runs a client's one-way calls must not wait there: the
// device may itself wait for a host function, whose end that thread reads. So the bytes go through pinned buffers of
// ours, as many as are needed.
#include "device/nvidia/copies.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "api/window.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

constexpr size_t buffer_bytes = size_t{256} << 10;  // as large as the pieces that clients send
constexpr size_t most_bytes = size_t{512} << 20;    // beyond that a copy waits after all
constexpr unsigned portable = 1;                    // CU_MEMHOSTREGISTER_PORTABLE

struct Buffer {
  void* bytes = nullptr;
  CUevent used = nullptr;  // the copy from it is done
};
struct Staging {
  std::mutex lock;
  std::map<CUcontext, std::vector<Buffer>> free;
  size_t bytes = 0;
};
Staging& staging() {
  static auto* made = new Staging;
  return *made;
}

bool make(Buffer& buffer) {
  buffer.bytes = mmap(nullptr, buffer_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (buffer.bytes == MAP_FAILED) return false;
  if (vendor().cuEventCreate(&buffer.used, CU_EVENT_DISABLE_TIMING) == CUDA_SUCCESS) {
    if (vendor().cuMemHostRegister_v2(buffer.bytes, buffer_bytes, portable) == CUDA_SUCCESS) return true;
    vendor().cuEventDestroy_v2(buffer.used);
  }
  munmap(buffer.bytes, buffer_bytes);
  return false;
}

// A buffer that nothing is copied from any more. False: there is none and none can be made.
bool take(CUcontext context, Buffer& buffer) {
  std::lock_guard hold(staging().lock);
  auto& free = staging().free[context];
  for (size_t i = 0; i < free.size(); ++i) {
    if (vendor().cuEventQuery(free[i].used) != CUDA_SUCCESS) {
      if (i > 8) break;  // the oldest come first; later ones are hardly done when those are not
      continue;
    }
    buffer = free[i];
    free.erase(free.begin() + static_cast<ptrdiff_t>(i));
    return true;
  }
  if (staging().bytes + buffer_bytes > most_bytes || !make(buffer)) return false;
  staging().bytes += buffer_bytes;
  return true;
}

void give(CUcontext context, const Buffer& buffer) {
  std::lock_guard hold(staging().lock);
  staging().free[context].push_back(buffer);
}

bool is_pinned(const void* host) {
  return reinterpret_cast<uint64_t>(host) - api::host_area_base < api::host_area_size;
}

CUresult copy_piece(CUdeviceptr to, const void* from, size_t size, CUstream stream) {
  CUcontext context = nullptr;
  Buffer buffer;
  if (CUresult result = vendor().cuCtxGetCurrent(&context)) return result;
  if (!take(context, buffer)) return vendor().cuMemcpyHtoDAsync_v2(to, from, size, stream);
  std::memcpy(buffer.bytes, from, size);
  CUresult result = vendor().cuMemcpyHtoDAsync_v2(to, buffer.bytes, size, stream);
  if (result == CUDA_SUCCESS) result = vendor().cuEventRecord(buffer.used, stream);
  give(context, buffer);
  return result;
}

CUresult copy(CUdeviceptr to, const void* from, size_t size, CUstream stream) {
  if (is_pinned(from)) return vendor().cuMemcpyHtoDAsync_v2(to, from, size, stream);
  for (size_t done = 0; done < size; done += buffer_bytes) {
    const size_t part = std::min(buffer_bytes, size - done);
    if (CUresult result = copy_piece(to + done, static_cast<const std::byte*>(from) + done, part, stream))
      return result;
  }
  return CUDA_SUCCESS;
}

}  // namespace

void forget_staging(CUcontext context) {
  std::lock_guard hold(staging().lock);
  auto found = staging().free.find(context);
  if (found == staging().free.end()) return;
  for (const Buffer& buffer : found->second) {
    munmap(buffer.bytes, buffer_bytes);
    staging().bytes -= buffer_bytes;
  }
  staging().free.erase(found);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return copy(dstDevice, srcHost, ByteCount, hStream);
}

// From pageable memory the source is free when the call returns, and what comes after it on the device waits for it: so
// the legacy stream's order is all that is left of the difference.
CUresult cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  if (is_pinned(srcHost)) return vendor().cuMemcpyHtoD_v2(dstDevice, srcHost, ByteCount);
  return copy(dstDevice, srcHost, ByteCount, nullptr);
}

}  // namespace nvidia
