// A context that a fault has lost is as good as new after a reset, even one whose kernel never ends; and a program may
// leave such a kernel behind.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>

#define EXPECT(condition) \
  if (!(condition)) std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), std::exit(1)

static const char* text = R"(.version 7.0
.target sm_75
.address_size 64
.visible .entry write(.param .u64 p) { .reg .b64 %d; ld.param.u64 %d, [p]; st.global.u32 [%d], 7; ret; }
.visible .entry endless() { .reg .b32 %r; .reg .pred %q;
again: add.u32 %r, %r, 2; setp.ne.u32 %q, %r, 1; @%q bra again; ret; }
)";

static CUfunction write_kernel, endless_kernel;

static void begin() {
  CUcontext context;
  CUmodule module;
  EXPECT(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS);
  EXPECT(cuCtxSetCurrent(context) == CUDA_SUCCESS);
  EXPECT(cuModuleLoadData(&module, text) == CUDA_SUCCESS);
  EXPECT(cuModuleGetFunction(&write_kernel, module, "write") == CUDA_SUCCESS);
  EXPECT(cuModuleGetFunction(&endless_kernel, module, "endless") == CUDA_SUCCESS);
}

static CUresult write_to(CUdeviceptr where) {
  void* parameters[] = {&where};
  CUresult result = cuLaunchKernel(write_kernel, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr);
  return result ? result : cuCtxSynchronize();
}

static void works() {
  CUdeviceptr memory;
  unsigned value = 0;
  EXPECT(cuMemAlloc(&memory, sizeof value) == CUDA_SUCCESS);
  EXPECT(write_to(memory) == CUDA_SUCCESS);
  EXPECT(cuMemcpyDtoH(&value, memory, sizeof value) == CUDA_SUCCESS && value == 7);
}

static void launch_endless() {
  EXPECT(cuLaunchKernel(endless_kernel, 4, 1, 1, 64, 1, 1, 0, nullptr, nullptr, nullptr) == CUDA_SUCCESS);
}

int main() {
  EXPECT(cuInit(0) == CUDA_SUCCESS);
  begin();
  works();
  EXPECT(write_to(16) == CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);  // it stays
  CUdeviceptr memory;
  EXPECT(cuMemAlloc(&memory, 4) == CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT(cuDevicePrimaryCtxReset(0) == CUDA_SUCCESS);
  begin();
  works();
  launch_endless();
  EXPECT(cuDevicePrimaryCtxReset(0) == CUDA_SUCCESS);
  begin();
  works();
  launch_endless();
  std::printf("context_recovers: done\n");
}
