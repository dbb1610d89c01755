// Launches of the driver API before CUDA 4.0: shape and parameters are kept by the function. cuda.h no longer declares
// all of them, the library still has them.
#include <cstdio>
#include <cstdlib>

#include <cuda.h>
#include <dlfcn.h>

#define CHECK(call)                                                                        \
  if (CUresult error = (call)) {                                                           \
    std::printf("%s:%d: %s: error %d\n", __FILE__, __LINE__, #call, static_cast<int>(error)); \
    return 1;                                                                              \
  }

const char* ptx = R"(.version 7.0
.target sm_75
.address_size 64
.visible .entry scale(.param .u64 data, .param .u32 factor, .param .u32 n)
{
  .reg .pred %p<2>; .reg .b32 %r<8>; .reg .b64 %d<4>;
  ld.param.u64 %d1, [data]; ld.param.u32 %r1, [factor]; ld.param.u32 %r2, [n];
  mov.u32 %r3, %ctaid.x; mov.u32 %r4, %ntid.x; mov.u32 %r5, %tid.x; mad.lo.s32 %r3, %r3, %r4, %r5;
  setp.ge.u32 %p1, %r3, %r2; @%p1 bra DONE;
  mul.wide.u32 %d2, %r3, 4; add.s64 %d1, %d1, %d2; ld.global.u32 %r6, [%d1]; mul.lo.u32 %r6, %r6, %r1; st.global.u32 [%d1], %r6;
DONE: ret;
})";

template <class... A>
CUresult old(const char* name, A... arguments) {
  void* function = dlsym(RTLD_DEFAULT, name);
  return function ? reinterpret_cast<CUresult (*)(A...)>(function)(arguments...) : CUDA_ERROR_NOT_FOUND;
}

int main() {
  constexpr unsigned n = 1000;
  static unsigned host[n];
  for (unsigned i = 0; i < n; ++i) host[i] = i;
  CUcontext context;
  CUmodule module;
  CUfunction scale;
  CUdeviceptr data;
  CHECK(cuInit(0));
  CHECK(cuDevicePrimaryCtxRetain(&context, 0));
  CHECK(cuCtxSetCurrent(context));
  CHECK(cuModuleLoadData(&module, ptx));
  CHECK(cuModuleGetFunction(&scale, module, "scale"));
  CHECK(cuMemAlloc(&data, sizeof host));
  CHECK(cuMemcpyHtoD(data, host, sizeof host));
  CHECK(old("cuFuncSetBlockShape", scale, 128, 1, 1));
  CHECK(old("cuParamSetv", scale, 0, static_cast<void*>(&data), 8u));
  CHECK(old("cuParamSeti", scale, 8, 3u));
  CHECK(old("cuParamSeti", scale, 12, n));
  CHECK(old("cuParamSetSize", scale, 16u));
  CHECK(old("cuLaunchGrid", scale, 8, 1));
  CHECK(cuMemcpyDtoH(host, data, sizeof host));
  for (unsigned i = 0; i < n; ++i)
    if (host[i] != 3 * i) return std::printf("element %u is %u\n", i, host[i]), 1;
  if (old("cuFuncSetBlockShape", scale, 0, 1, 1) != CUDA_ERROR_INVALID_VALUE) return std::puts("an empty block is no error"), 1;
  std::printf("old_launch: %u elements right\n", n);
}
