// For tests: all driver libraries in one, copied under the names of the real ones. FAKE says how they behave:
// works (two devices), none (no devices), hang, busy, crash, noise (writes to every descriptor). FAKE_NVML is
// nvmlInit's code.
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

bool is(const char* behaviour) {
  const char* set = getenv("FAKE");
  return set && strcmp(set, behaviour) == 0;
}

void misbehave() {
  if (is("hang"))
    for (;;) pause();
  while (is("busy")) continue;
  if (is("crash")) raise(SIGSEGV);
  if (is("noise"))
    for (int fd = 1; fd < 64; ++fd)
      if (write(fd, "\xFF\xFE noise", 8) < 0) continue;
}

int copy(char* to, unsigned size, const char* text) {
  strncpy(to, text, size);
  return 0;
}

}  // namespace

EXPORT int cuInit(unsigned) {
  misbehave();
  if (is("none")) return 100;
  // Hidden: as the real one answers a list that names no device.
  const char* visible = getenv("CUDA_VISIBLE_DEVICES");
  return visible && strcmp(visible, "-1") == 0 ? 100 : 0;
}
EXPORT int cuDriverGetVersion(int* version) { return *version = 12080, 0; }
EXPORT int cuDeviceGetCount(int* count) { return *count = 2, 0; }
EXPORT int cuDeviceGet(int* device, int index) { return *device = index, 0; }
EXPORT int cuDeviceGetName(char* name, int size, int) {
  return copy(name, static_cast<unsigned>(size), "NVIDIA Fake 7");
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) { return *value = attribute == 75 ? 8 : 6, 0; }
EXPORT int cuDevicePrimaryCtxRetain(void**, int) {
  if (is("late-crash")) raise(SIGSEGV);
  return is("free") ? 0 : 46;  // busy, unless said otherwise
}

EXPORT int nvmlInit_v2() {
  misbehave();
  if (const char* code = getenv("FAKE_NVML")) return atoi(code);
  return is("none") ? 9 : 0;
}
EXPORT int nvmlSystemGetDriverVersion(char* text, unsigned size) { return copy(text, size, "570.86.15"); }
EXPORT int nvmlDeviceGetCount_v2(unsigned* count) { return *count = 2, 0; }
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  return *device = reinterpret_cast<void*>(uintptr_t{index} + 1), 0;
}
EXPORT int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
  return copy(text, size, device == reinterpret_cast<void*>(1) ? "GPU-1" : "GPU-2");
}
EXPORT int nvmlDeviceGetComputeMode(void*, unsigned* mode) { return *mode = 3, 0; }
EXPORT int nvmlDeviceGetPersistenceMode(void*, unsigned* mode) { return *mode = 0, 0; }
EXPORT int nvmlDeviceGetMigMode(void*, unsigned* current, unsigned* pending) { return *current = *pending = 1, 0; }
EXPORT int nvmlDeviceGetMaxMigDeviceCount(void*, unsigned* count) { return *count = 7, 0; }
EXPORT int nvmlDeviceGetMigDeviceHandleByIndex(void*, unsigned index, void**) { return index < 2 ? 0 : 6; }
EXPORT int nvmlDeviceGetCudaComputeCapability(void*, int* major, int* minor) { return *major = 9, *minor = 0, 0; }
EXPORT int nvmlDeviceGetMemoryInfo(void*, unsigned long long* memory) {
  memory[0] = 1000ull << 20;
  memory[2] = 10ull << 20;
  return 0;
}
EXPORT int nvmlDeviceGetRemappedRows(void*, unsigned*, unsigned*, unsigned* pending, unsigned* failed) {
  return *pending = 1, *failed = 0, 0;
}
EXPORT int nvmlDeviceGetGpuFabricInfo(void*, unsigned char* info) { return info[24] = 2, 0; }
EXPORT int nvmlSystemGetConfComputeState(unsigned* state) { return state[1] = 1, 0; }
EXPORT int nvmlSystemGetConfComputeGpusReadyState(unsigned* ready) { return *ready = 0, 0; }

EXPORT int clGetPlatformIDs(unsigned, void** platforms, unsigned* count) {
  misbehave();
  if (is("none")) return -1001;
  for (uintptr_t index = 0; index < 2; ++index) platforms[index] = reinterpret_cast<void*>(index + 1);
  return *count = 2, 0;
}
EXPORT int clGetPlatformInfo(void* platform, unsigned, size_t size, void* text, size_t*) {
  return copy(static_cast<char*>(text), static_cast<unsigned>(size),
              platform == reinterpret_cast<void*>(1) ? "Fake GPU" : "Fake CPU");
}
EXPORT int clGetDeviceIDs(void* platform, unsigned long, unsigned, void*, unsigned* count) {
  return *count = platform == reinterpret_cast<void*>(1), *count ? 0 : -1;
}

EXPORT int vkCreateInstance(const void*, const void*, void** instance) {
  misbehave();
  const char text[] = "ERROR: [Loader Message] Code 0 : loader_scanned_icd_add: Could not get 'vkCreateInstance'\n";
  if (write(2, text, sizeof text - 1) < 0) return -1;
  return *instance = nullptr, is("none") ? -9 : 0;
}
EXPORT int vkEnumeratePhysicalDevices(void*, unsigned* count, void** devices) {
  devices[0] = nullptr;
  devices[1] = reinterpret_cast<void*>(1);
  return *count = 2, 0;
}
EXPORT void vkGetPhysicalDeviceProperties(void* device, unsigned* properties) {
  properties[4] = device ? 2 : 4;  // discrete, or a CPU
  strcpy(reinterpret_cast<char*>(properties + 5), device ? "Fake Vulkan GPU" : "llvmpipe (LLVM 19)");
}

EXPORT int hsa_init() { return is("none") ? 0x1008 : 0; }
EXPORT int hipInit(unsigned) { return misbehave(), 0; }
EXPORT int hipGetDeviceCount(int* count) { return *count = 3, 0; }
EXPORT int zeInit(uint32_t) { return misbehave(), 0; }
EXPORT int zeDriverGet(uint32_t* count, void**) { return *count = 1, 0; }
EXPORT int zeDeviceGet(void*, uint32_t* count, void**) { return *count = 4, 0; }

EXPORT unsigned eglInitialize(void*, int*, int*) { return misbehave(), 0; }
EXPORT unsigned eglQueryDevicesEXT(int, void** devices, int* count) {
  misbehave();
  devices[0] = nullptr;
  devices[1] = reinterpret_cast<void*>(1);
  return *count = 2, 1;
}
EXPORT const char* eglQueryDeviceStringEXT(void* device, int) {
  return device ? "EGL_EXT_device_drm" : "EGL_MESA_device_software";
}
EXPORT void* eglGetProcAddress(const char*) { return nullptr; }

namespace {
struct Adapter {
  uint32_t handle, luid[2], sources, regions;
};
}  // namespace
EXPORT int D3DKMTEnumAdapters2(void* question) {
  misbehave();
  struct Question {
    uint32_t count;
    Adapter* adapters;
  }* asked = static_cast<Question*>(question);
  if (asked->adapters)
    for (uint32_t index = 0; index < 2; ++index) asked->adapters[index].handle = index + 1;
  return asked->count = 2, 0;
}
EXPORT int D3DKMTQueryAdapterInfo(void* question) {
  struct Question {
    uint32_t adapter, type;
    void* data;
    uint32_t size;
  }* asked = static_cast<Question*>(question);
  if (asked->type == 13) *static_cast<uint32_t*>(asked->data) = asked->adapter == 1 ? 2900 : 3200;
  if (asked->type != 48) return 0;
  // After two numbers, a name of 260 letters and four numbers, at a multiple of eight.
  wcscpy(reinterpret_cast<wchar_t*>(static_cast<char*>(asked->data) + 1064),
         asked->adapter == 1 ? L"/usr/lib/wsl/drivers/iigd_dch.inf_amd64_0011223344556677"
                             : L"/usr/lib/wsl/drivers/nvltwi.inf_amd64_8899aabbccddeeff");
  return 0;
}
