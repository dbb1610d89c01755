// A program of the driver API, compiled as plain C++: PTX text loaded, linked and launched, and every image that is
// none refused with the code a driver gives (CUDA Driver API, "Module Management").
#include <cuda.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#define EXPECT(truth)                                                           \
  do {                                                                          \
    if (!(truth)) {                                                             \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth);  \
      std::exit(1);                                                             \
    }                                                                           \
  } while (0)

const std::string head = ".version 7.0\n.target sm_70\n.address_size 64\n";
const std::string scale = head + R"(
.visible .const .align 4 .u32 factor = 3;
.visible .entry scale(.param .u64 data, .param .u32 count) {
  .reg .pred %p;
  .reg .b32 %r<6>;
  .reg .b64 %rd<4>;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.s32 %r1, %r1, %r2, %r3;
  ld.param.u32 %r4, [count];
  setp.ge.u32 %p, %r1, %r4;
  @%p ret;
  ld.param.u64 %rd1, [data];
  mul.wide.u32 %rd2, %r1, 4;
  add.s64 %rd3, %rd1, %rd2;
  ld.global.u32 %r5, [%rd3];
  ld.const.u32 %r4, [factor];
  mul.lo.u32 %r5, %r5, %r4;
  st.global.u32 [%rd3], %r5;
  ret;
})";
const std::string caller = head + R"(
.extern .func (.param .b32 r) seven ();
.visible .entry put(.param .u64 data) {
  .reg .b32 %r<2>;
  .reg .b64 %rd<2>;
  .param .b32 r;
  call (r), seven;
  ld.param.b32 %r1, [r];
  ld.param.u64 %rd1, [data];
  st.global.u32 [%rd1], %r1;
  ret;
})";
const std::string callee = head + ".visible .func (.param .b32 r) seven () {\n  st.param.b32 [r], 7;\n  ret;\n}\n";

CUresult load(const void* image) {
  CUmodule module = nullptr;
  CUresult result = cuModuleLoadData(&module, image);
  if (result == CUDA_SUCCESS) cuModuleUnload(module);
  return result;
}

void refusals() {
  EXPECT(load((head + ".visible .entry k() {\n  frobnicate.s32 %r1;\n}\n").c_str()) == CUDA_ERROR_INVALID_PTX);
  EXPECT(load(caller.c_str()) == CUDA_ERROR_INVALID_PTX);  // nobody defines seven
  EXPECT(load("this is no module") == CUDA_ERROR_INVALID_IMAGE);
  char log[256] = {};
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  CUmodule module = nullptr;
  EXPECT(cuModuleLoadDataEx(&module, (head + "\nnonsense\n").c_str(), 2, options, values) == CUDA_ERROR_INVALID_PTX);
  EXPECT(std::strstr(log, "line 5"));
  std::memset(log, 'x', sizeof log);  // a module that is loaded has nothing to say, and says so
  options[0] = CU_JIT_INFO_LOG_BUFFER, options[1] = CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES;
  values[1] = reinterpret_cast<void*>(sizeof log);
  EXPECT(cuModuleLoadDataEx(&module, callee.c_str(), 2, options, values) == CUDA_SUCCESS);
  EXPECT(log[0] == 0 && values[1] == nullptr);
  EXPECT(cuModuleUnload(module) == CUDA_SUCCESS);
  // A fat binary: header of 16 bytes, then entries.
  struct {
    uint32_t magic;
    uint16_t version, header;
    uint64_t size;
    uint64_t entries[32];
  } fatbin = {0xba55ed50, 1, 16, 256, {}};
  fatbin.entries[1] = 1 << 20;  // an entry that claims to be longer than the container
  EXPECT(load(&fatbin) == CUDA_ERROR_INVALID_IMAGE);
  fatbin.size = 0;
  EXPECT(load(&fatbin) == CUDA_ERROR_NO_BINARY_FOR_GPU);
  fatbin.version = 77;
  EXPECT(load(&fatbin) == CUDA_ERROR_INVALID_IMAGE);
  EXPECT(cuModuleLoad(&module, "/nowhere/at/all.ptx") == CUDA_ERROR_FILE_NOT_FOUND);
  EXPECT(cuModuleLoadData(&module, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

void linking(CUdeviceptr memory) {
  CUlinkState state;
  void* image = nullptr;
  size_t size = 0;
  CUmodule module;
  CUfunction put;
  int value = 0;
  EXPECT(cuLinkCreate(0, nullptr, nullptr, &state) == CUDA_SUCCESS);
  EXPECT(cuLinkAddData(state, CU_JIT_INPUT_PTX, const_cast<char*>(caller.c_str()), caller.size() + 1, "caller", 0,
                       nullptr, nullptr) == CUDA_SUCCESS);
  EXPECT(cuLinkAddData(state, CU_JIT_INPUT_PTX, const_cast<char*>(callee.c_str()), callee.size() + 1, "callee", 0,
                       nullptr, nullptr) == CUDA_SUCCESS);
  EXPECT(cuLinkComplete(state, &image, &size) == CUDA_SUCCESS && image && size);
  EXPECT(cuModuleLoadData(&module, image) == CUDA_SUCCESS);
  EXPECT(cuLinkDestroy(state) == CUDA_SUCCESS);
  EXPECT(cuModuleGetFunction(&put, module, "put") == CUDA_SUCCESS);
  void* arguments[] = {&memory};
  EXPECT(cuLaunchKernel(put, 1, 1, 1, 1, 1, 1, 0, nullptr, arguments, nullptr) == CUDA_SUCCESS);
  EXPECT(cuMemcpyDtoH(&value, memory, 4) == CUDA_SUCCESS && value == 7);
  EXPECT(cuModuleUnload(module) == CUDA_SUCCESS);
}

int main() {
  CUdevice device;
  CUcontext context;
  CUmodule module;
  CUfunction function;
  CUdeviceptr memory, factor;
  size_t size = 0;
  EXPECT(cuModuleLoadData(&module, scale.c_str()) == CUDA_ERROR_NOT_INITIALIZED);
  EXPECT(cuInit(0) == CUDA_SUCCESS && cuDeviceGet(&device, 0) == CUDA_SUCCESS);
  EXPECT(cuModuleLoadData(&module, scale.c_str()) == CUDA_ERROR_INVALID_CONTEXT);
  EXPECT(cuDevicePrimaryCtxRetain(&context, device) == CUDA_SUCCESS && cuCtxSetCurrent(context) == CUDA_SUCCESS);
  EXPECT(cuModuleLoadData(&module, scale.c_str()) == CUDA_SUCCESS);
  EXPECT(cuModuleGetFunction(&function, module, "scale") == CUDA_SUCCESS);
  EXPECT(cuModuleGetFunction(&function, module, "skale") == CUDA_ERROR_NOT_FOUND);
  EXPECT(cuModuleGetGlobal(&factor, &size, module, "factor") == CUDA_SUCCESS && size == 4);
  EXPECT(cuModuleGetGlobal(&factor, &size, module, "faktor") == CUDA_ERROR_NOT_FOUND);
  EXPECT(cuModuleGetGlobal(&factor, &size, module, "factor") == CUDA_SUCCESS);
  EXPECT(cuModuleGetFunction(&function, module, "scale") == CUDA_SUCCESS);

  unsigned count = 1000;
  std::vector<unsigned> data(count);
  for (unsigned i = 0; i < count; ++i) data[i] = i;
  EXPECT(cuMemAlloc(&memory, count * 4) == CUDA_SUCCESS);
  EXPECT(cuMemcpyHtoD(memory, data.data(), count * 4) == CUDA_SUCCESS);
  void* arguments[] = {&memory, &count};
  EXPECT(cuLaunchKernel(function, 8, 1, 1, 128, 1, 1, 0, nullptr, arguments, nullptr) == CUDA_SUCCESS);
  unsigned five = 5;
  EXPECT(cuMemcpyHtoD(factor, &five, 4) == CUDA_SUCCESS);
  // The same once more, with the parameters in one buffer.
  struct { CUdeviceptr memory; unsigned count; } packed = {memory, count};
  size_t packed_size = 12;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_BUFFER_SIZE, &packed_size,
                   CU_LAUNCH_PARAM_END};
  EXPECT(cuLaunchKernel(function, 8, 1, 1, 128, 1, 1, 0, nullptr, nullptr, extra) == CUDA_SUCCESS);
  EXPECT(cuMemcpyDtoH(data.data(), memory, count * 4) == CUDA_SUCCESS);
  for (unsigned i = 0; i < count; ++i) EXPECT(data[i] == i * 15);
  refusals();
  linking(memory);
  EXPECT(cuModuleUnload(module) == CUDA_SUCCESS);
  EXPECT(cuModuleUnload(module) == CUDA_ERROR_INVALID_HANDLE);
  EXPECT(cuMemFree(memory) == CUDA_SUCCESS);
  EXPECT(cuDevicePrimaryCtxRelease(device) == CUDA_SUCCESS);
  std::printf("driver_api: %u\n", data[count - 1]);
}
