// Programs that compile and link their kernels themselves and ask for machine code: NVRTC and nvJitLink, linked and
// opened by path as Python packages do, with PTX and with LTO IR.
#include <dlfcn.h>
#include <nvJitLink.h>
#include <nvrtc.h>

#include <string>
#include <vector>

#include "driver_check.h"

#define COMPILER(call)                                                                     \
  do {                                                                                     \
    int compiler_result = static_cast<int>(call);                                          \
    if (compiler_result) {                                                                 \
      std::fprintf(stderr, "%s:%d: %s: %d\n", __FILE__, __LINE__, #call, compiler_result); \
      std::exit(1);                                                                        \
    }                                                                                      \
  } while (0)

const char* kernel = R"(
extern __device__ int weight(int);
extern "C" __global__ void weigh(int* data) { data[threadIdx.x] = weight(threadIdx.x); }
)";
const char* device_function = "__device__ int weight(int i) { return 3 * i + 1; }";
const char* whole = R"(
extern "C" __global__ void weigh(int* data) { data[threadIdx.x] = 5 * threadIdx.x + 2; }
)";

nvrtcProgram compile(const char* source, std::vector<const char*> options) {
  nvrtcProgram program = nullptr;
  COMPILER(nvrtcCreateProgram(&program, source, "kernel.cu", 0, nullptr, nullptr));
  COMPILER(nvrtcCompileProgram(program, static_cast<int>(options.size()), options.data()));
  return program;
}

// Loads what should run on this device, runs `weigh` and compares.
void run(const std::string& image, int factor, int term, const char* what) {
  CUmodule module = nullptr;
  CUfunction weigh = nullptr;
  DRIVER(cuModuleLoadData(&module, image.data()));
  DRIVER(cuModuleGetFunction(&weigh, module, "weigh"));
  CUdeviceptr data = 0;
  DRIVER(cuMemAlloc(&data, 32 * sizeof(int)));
  void* parameters[] = {&data};
  DRIVER(cuLaunchKernel(weigh, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr));
  int got[32];
  DRIVER(cuMemcpyDtoH(got, data, sizeof got));
  for (int i = 0; i < 32; ++i) EXPECT(got[i] == factor * i + term);
  DRIVER(cuMemFree(data));
  DRIVER(cuModuleUnload(module));
  std::printf("%s: %d\n", what, got[31]);
}

template <typename Size, typename Get, typename From>
std::string bytes(Size size_of, Get get, From from) {
  size_t size = 0;
  COMPILER(size_of(from, &size));
  EXPECT(size > 0);
  std::string code(size, '\0');
  COMPILER(get(from, code.data()));
  return code;
}

void nvrtc_linked() {
  nvrtcProgram program = compile(whole, {"-arch=sm_90"});
  run(bytes(nvrtcGetCUBINSize, nvrtcGetCUBIN, program), 5, 2, "NVRTC, linked");
  nvrtcDestroyProgram(&program);
  program = compile(whole, {"-arch=compute_90"});  // PTX alone was asked for: there is no machine code
  size_t size = 1;
  COMPILER(nvrtcGetCUBINSize(program, &size));
  EXPECT(size == 0);
  nvrtcDestroyProgram(&program);
}

template <typename Function>
Function* find(void* library, const char* name, Function*) {
  void* found = dlsym(library, name);
  EXPECT(found != nullptr);
  return reinterpret_cast<Function*>(found);
}

void nvrtc_opened() {
  Dl_info info;
  EXPECT(dladdr(reinterpret_cast<void*>(&nvrtcVersion), &info));
  void* library = dlopen(info.dli_fname, RTLD_NOW | RTLD_LOCAL);
  EXPECT(library != nullptr);
  auto* size_of = find(library, "nvrtcGetCUBINSize", &nvrtcGetCUBINSize);
  auto* get = find(library, "nvrtcGetCUBIN", &nvrtcGetCUBIN);
  nvrtcProgram program = compile(whole, {"-arch=sm_90"});
  run(bytes(size_of, get, program), 5, 2, "NVRTC, opened");
  nvrtcDestroyProgram(&program);
  dlclose(library);
}

std::string link(std::vector<const char*> options, nvJitLinkInputType type, const std::vector<std::string>& inputs) {
  nvJitLinkHandle handle = nullptr;
  COMPILER(nvJitLinkCreate(&handle, static_cast<uint32_t>(options.size()), options.data()));
  for (const std::string& input : inputs) COMPILER(nvJitLinkAddData(handle, type, input.data(), input.size(), "part"));
  COMPILER(nvJitLinkComplete(handle));
  std::string image = bytes(nvJitLinkGetLinkedCubinSize, nvJitLinkGetLinkedCubin, handle);
  COMPILER(nvJitLinkDestroy(&handle));
  EXPECT(handle == nullptr);
  return image;
}

void nvjitlink() {
  std::vector<std::string> ptx, lto;
  for (const char* source : {kernel, device_function}) {
    nvrtcProgram program = compile(source, {"-arch=compute_90", "-rdc=true"});
    ptx.push_back(bytes(nvrtcGetPTXSize, nvrtcGetPTX, program));
    nvrtcDestroyProgram(&program);
    program = compile(source, {"-arch=compute_90", "-dlto"});
    lto.push_back(bytes(nvrtcGetLTOIRSize, nvrtcGetLTOIR, program));
    nvrtcDestroyProgram(&program);
  }
  run(link({"-arch=sm_90"}, NVJITLINK_INPUT_PTX, ptx), 3, 1, "nvJitLink, PTX");
  run(link({"-arch=sm_90", "-lto"}, NVJITLINK_INPUT_LTOIR, lto), 3, 1, "nvJitLink, LTO IR");

  nvJitLinkHandle handle = nullptr;  // errors are the library's own
  EXPECT(nvJitLinkCreate(&handle, 0, nullptr) != NVJITLINK_SUCCESS);
  const char* options[] = {"-arch=sm_90"};
  COMPILER(nvJitLinkCreate(&handle, 1, options));
  const char broken[] = ".version 8.0\n.target sm_90\n.address_size 64\n.entry weigh() { nonsense; }\n";
  EXPECT(nvJitLinkAddData(handle, NVJITLINK_INPUT_PTX, broken, sizeof broken, "broken") == NVJITLINK_ERROR_PTX_COMPILE);
  COMPILER(nvJitLinkDestroy(&handle));
}

int main() {
  // "Next" counts from the program, whoever stands in front of dlsym: the first dlsym behind the program is the one it
  // uses.
  EXPECT(dlsym(RTLD_NEXT, "dlsym") == reinterpret_cast<void*>(&dlsym));
  EXPECT(dlsym(RTLD_DEFAULT, "nvJitLinkNoSuchFunction") == nullptr);
  DRIVER(cuInit(0));
  CUdevice device = 0;
  CUcontext context = nullptr;
  DRIVER(cuDeviceGet(&device, 0));
  DRIVER(cuDevicePrimaryCtxRetain(&context, device));
  DRIVER(cuCtxSetCurrent(context));
  nvrtc_linked();
  nvrtc_opened();
  nvjitlink();
}
