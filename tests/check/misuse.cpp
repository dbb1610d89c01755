// What a program can do wrong without a kernel: addresses that it frees twice or never, ranges that are too long.
// checks: memory,leaks
// report: Invalid free by cuMemFree
// report: address 0x: byte 0 of an allocation of 256 bytes at 0x that was freed
// report: Invalid free by cuMemFree
// report: address 0x: byte 16 of the allocation of 1000 bytes at 0x
// report: Invalid free by cuMemFreeHost
// report: address 0x: byte 4 of the host memory of 64 bytes at 0x
// report: Invalid range for a memcpy
// report: 1001 bytes from 0x: 1 byte over the end of the allocation of 1000 bytes at 0x
// report: Invalid range for a memset
// report: 996 bytes from 0x: 4 bytes over the end of the allocation of 1000 bytes at 0x
// report: Leak: 1000 bytes of device memory are not freed
// report: allocation at 0x
// errors: 6
#include "tests/check/driver.h"

using driver::call;
using driver::refused;

int main() {
  CUcontext context;
  CUdeviceptr once = 0, left = 0;
  void* host = nullptr;
  static char bytes[2000];
  call("cuInit", 0u);
  call("cuCtxCreate_v2", &context, 0u, 0);
  call("cuMemAlloc_v2", &once, size_t{256});
  call("cuMemAlloc_v2", &left, size_t{1000});
  call("cuMemHostAlloc", &host, size_t{64}, 0u);
  call("cuMemFree_v2", once);
  refused("cuMemFree_v2", once);
  refused("cuMemFree_v2", left + 16);
  refused("cuMemFreeHost", static_cast<void*>(static_cast<char*>(host) + 4));
  call("cuMemFreeHost", host);
  refused("cuMemcpyDtoH_v2", static_cast<void*>(bytes), left, size_t{1001});
  CUresult late = driver::try_to("cuMemsetD8_v2", left + 8, static_cast<unsigned char>(1), size_t{996});
  CUresult later = driver::try_to("cuCtxSynchronize");  // over a link the refusal may come with the next wait
  if (late == CUDA_SUCCESS && later == CUDA_SUCCESS) return 1;
  std::puts("done");
}
