// Allocates and frees in every order that needs no answer: plainly, in two streams, from a pool of its own.
#include <vector>

#include "tests/check/driver.h"

using driver::call;

namespace {

constexpr int rounds = 500;
constexpr unsigned char mark = 7;

void plainly() {
  CUdeviceptr address = 0;
  for (int i = 0; i < rounds; ++i) {
    call("cuMemAlloc_v2", &address, size_t{4096} + static_cast<size_t>(i));
    call("cuMemsetD8_v2", address, mark, size_t{4096});
    call("cuMemFree_v2", address);
  }
}

void in_streams(CUstream one, CUstream other, CUmemoryPool pool) {
  CUdeviceptr first = 0, second = 0;
  for (int i = 0; i < rounds; ++i) {
    const size_t size = size_t{512} << (i % 8);
    call("cuMemAllocAsync", &first, size, one);
    call("cuMemsetD8Async", first, mark, size, one);
    call("cuMemAllocFromPoolAsync", &second, 2 * size, pool, other);
    call("cuMemsetD8Async", second, mark, 2 * size, other);
    call("cuMemFreeAsync", first, one);
    call("cuMemFreeAsync", second, other);
    if (i % 100 == 99) call("cuStreamSynchronize", one);
  }
}

}  // namespace

int main() {
  CUcontext context = nullptr;
  CUstream one = nullptr, other = nullptr;
  CUmemoryPool pool = nullptr;
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  call("cuInit", 0u);
  call("cuDevicePrimaryCtxRetain", &context, 0);
  call("cuCtxSetCurrent", context);
  call("cuStreamCreate", &one, 1u);
  call("cuStreamCreate", &other, 1u);
  call("cuMemPoolCreate", &pool, static_cast<const CUmemPoolProps*>(&properties));
  plainly();
  in_streams(one, other, pool);
  call("cuCtxSynchronize");
  unsigned long long reserved = 1;
  call("cuMemPoolGetAttribute", pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, static_cast<void*>(&reserved));
  if (reserved) return std::printf("%llu bytes are reserved after everything was freed\n", reserved), 1;
  std::vector<unsigned char> bytes(4096);
  CUdeviceptr address = 0;
  call("cuMemAllocAsync", &address, bytes.size(), one);
  call("cuMemsetD8Async", address, mark, bytes.size(), one);
  call("cuMemcpyDtoHAsync_v2", static_cast<void*>(bytes.data()), address, bytes.size(), one);
  call("cuMemFreeAsync", address, one);
  call("cuStreamSynchronize", one);
  for (unsigned char byte : bytes)
    if (byte != mark) return std::printf("what was written is gone\n"), 1;
  call("cuMemPoolDestroy", pool);
}
