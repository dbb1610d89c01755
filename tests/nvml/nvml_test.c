/* NVML as programs load it: by name, at run time. What it says is compared with what the CUDA driver says. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The few declarations that are needed, as in the NVML API Reference and the CUDA Driver API. */
typedef void* Device;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } Pci;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;
enum { success, uninitialized, invalid_argument, not_supported, not_found = 6, insufficient_size = 7 };

static void* nvml;
static void* cuda;

static void* function(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (!found) {
    printf("no function %s\n", name);
    exit(1);
  }
  return found;
}
#define NVML(name) ((int (*)())function(nvml, #name))
#define CUDA(name) ((int (*)())function(cuda, #name))

static int failures;
#define EXPECT(condition)                                 \
  do {                                                    \
    if (!(condition)) {                                   \
      printf("line %d: %s is false\n", __LINE__, #condition); \
      ++failures;                                         \
    }                                                     \
  } while (0)

static void before_and_after(void) {
  unsigned count = 0;
  EXPECT(NVML(nvmlDeviceGetCount_v2)(&count) == uninitialized);
  EXPECT(NVML(nvmlDeviceGetTemperature)(0, 0, &count) == uninitialized);
  EXPECT(NVML(nvmlShutdown)() == uninitialized);
  EXPECT(NVML(nvmlInit_v2)() == success);
  EXPECT(NVML(nvmlInitWithFlags)(0u) == success);
  EXPECT(NVML(nvmlShutdown)() == success);
  EXPECT(NVML(nvmlDeviceGetCount_v2)(&count) == success);
  EXPECT(NVML(nvmlDeviceGetCount_v2)((void*)0) == invalid_argument);
  EXPECT(strcmp(((const char* (*)(int))function(nvml, "nvmlErrorString"))(not_found), "Not Found") == 0);
}

static void machine(void) {
  char text[80];
  int version = 0, cuda_version = 0, major = 0, minor = 0;
  EXPECT(NVML(nvmlSystemGetDriverVersion)(text, 80u) == success);
  EXPECT(sscanf(text, "%d.%d", &major, &minor) == 2 && major >= 520);
  EXPECT(NVML(nvmlSystemGetDriverVersion)(text, 3u) == insufficient_size);
  EXPECT(NVML(nvmlSystemGetNVMLVersion)(text, 80u) == success);
  EXPECT(NVML(nvmlSystemGetCudaDriverVersion_v2)(&version) == success);
  EXPECT(CUDA(cuDriverGetVersion)(&cuda_version) == 0 && version == cuda_version);
}

/* Every way to name a device leads to the same one. */
static void names(Device device, unsigned index) {
  Device found = 0;
  char name[96], cuda_name[96], uuid[96], bus_id[32];
  unsigned number = 99;
  Pci pci;
  EXPECT(NVML(nvmlDeviceGetName)(device, name, 96u) == success);
  EXPECT(CUDA(cuDeviceGetName)(cuda_name, 96, index) == 0 && strcmp(name, cuda_name) == 0);
  EXPECT(NVML(nvmlDeviceGetName)(device, name, 2u) == insufficient_size);
  EXPECT(NVML(nvmlDeviceGetUUID)(device, uuid, 96u) == success);
  EXPECT(strncmp(uuid, "GPU-", 4) == 0 && strlen(uuid) == 40);
  EXPECT(NVML(nvmlDeviceGetHandleByUUID)(uuid, &found) == success && found == device);
  uuid[39] ^= 1;
  EXPECT(NVML(nvmlDeviceGetHandleByUUID)("GPU-none", &found) == not_found);
  EXPECT(CUDA(cuDeviceGetPCIBusId)(bus_id, 32, index) == 0);
  found = 0;
  EXPECT(NVML(nvmlDeviceGetHandleByPciBusId_v2)(bus_id, &found) == success && found == device);
  EXPECT(NVML(nvmlDeviceGetPciInfo_v3)(device, &pci) == success);
  // Older programs have a shorter structure: nothing behind what all versions have is written by the first.
  unsigned old[13];
  memset(old, 0x5a, sizeof old);
  EXPECT(NVML(nvmlDeviceGetPciInfo)(device, old) == success && strstr(pci.bus_id, (char*)old));
  for (int i = 8; i < 13; ++i) EXPECT(old[i] == 0x5a5a5a5a);
  found = 0;
  EXPECT(NVML(nvmlDeviceGetHandleByPciBusId_v2)(pci.bus_id, &found) == success && found == device);
  EXPECT(NVML(nvmlDeviceGetHandleByPciBusId_v2)("ffff:ff:1f.0", &found) == not_found);
  EXPECT(NVML(nvmlDeviceGetIndex)(device, &number) == success && number == index);
  printf("device %u: %s at %s\n", index, name, pci.bus_id);
}

static void properties(Device device, int index) {
  enum { major_attribute = 75, minor_attribute = 76, memory_clock = 36, bus_width = 37, compute_mode = 20 };
  int major = 0, minor = 0, cuda_major = 0, cuda_minor = 0, kilohertz = 0, bits = 0, mode = -1;
  unsigned megahertz = 0, width = 0, nvml_mode = 99, ignored;
  EXPECT(NVML(nvmlDeviceGetCudaComputeCapability)(device, &major, &minor) == success);
  EXPECT(CUDA(cuDeviceGetAttribute)(&cuda_major, major_attribute, index) == 0);
  EXPECT(CUDA(cuDeviceGetAttribute)(&cuda_minor, minor_attribute, index) == 0);
  EXPECT(major == cuda_major && minor == cuda_minor);
  EXPECT(CUDA(cuDeviceGetAttribute)(&kilohertz, memory_clock, index) == 0);
  EXPECT(NVML(nvmlDeviceGetClockInfo)(device, 2, &megahertz) == (kilohertz >= 1000 ? success : not_supported));
  EXPECT((int)megahertz == kilohertz / 1000);
  EXPECT(CUDA(cuDeviceGetAttribute)(&bits, bus_width, index) == 0);
  EXPECT(NVML(nvmlDeviceGetMemoryBusWidth)(device, &width) == (bits > 0 ? success : not_supported));
  EXPECT((int)width == bits);
  EXPECT(CUDA(cuDeviceGetAttribute)(&mode, compute_mode, index) == 0);
  EXPECT(NVML(nvmlDeviceGetComputeMode)(device, &nvml_mode) == success && (int)nvml_mode == mode);
  EXPECT(NVML(nvmlDeviceGetTemperature)(device, 0, &ignored) == not_supported);
  EXPECT(NVML(nvmlDeviceGetMigMode)(device, &ignored, &ignored) == not_supported);
  const size_t wild[] = {0, 0x7777, 0x80000000, 0x100000001, (size_t)-1};
  for (int i = 0; i < 5; ++i) EXPECT(NVML(nvmlDeviceGetIndex)((void*)wild[i], &ignored) == invalid_argument);
}

/* An allocation is seen, and so is the process that made it. */
static void use(Device device, int index) {
  const size_t bytes = 64u << 20;
  void* context = 0;
  unsigned long long at = 0;
  Memory before = {0, 0, 0}, after = {0, 0, 0};
  Memory2 second = {0x02000028, 0, 0, 0, 0};
  unsigned count = 0;
  Process process = {0, 0, 0, 0};
  EXPECT(NVML(nvmlDeviceGetMemoryInfo)(device, &before) == success);
  EXPECT(before.total > 0 && before.used + before.free == before.total);
  EXPECT(NVML(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, &process) == success && count == 0);
  EXPECT(CUDA(cuDevicePrimaryCtxRetain)(&context, index) == 0 && CUDA(cuCtxSetCurrent)(context) == 0);
  EXPECT(CUDA(cuMemAlloc_v2)(&at, bytes) == 0);
  EXPECT(NVML(nvmlDeviceGetMemoryInfo)(device, &after) == success);
  EXPECT(after.used >= before.used + bytes && after.total == before.total);
  EXPECT(NVML(nvmlDeviceGetMemoryInfo_v2)(device, &second) == success && second.used >= bytes);
  second.version = 7;
  EXPECT(NVML(nvmlDeviceGetMemoryInfo_v2)(device, &second) == invalid_argument);
  count = 0;
  EXPECT(NVML(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, (void*)0) == insufficient_size && count == 1);
  EXPECT(NVML(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, &process) == success && count == 1);
  EXPECT(process.pid == (unsigned)getpid() && process.used >= bytes);
  count = 1;
  EXPECT(NVML(nvmlDeviceGetGraphicsRunningProcesses_v3)(device, &count, &process) == success && count == 0);
  EXPECT(CUDA(cuMemFree_v2)(at) == 0);
  EXPECT(CUDA(cuDevicePrimaryCtxRelease_v2)(index) == 0);
}

int main(void) {
  unsigned count = 0, cuda_count = 0;
  Device device = 0;
  nvml = dlopen("libnvidia-ml.so.1", RTLD_NOW);
  cuda = dlopen("libcuda.so.1", RTLD_NOW);
  if (!nvml || !cuda) {
    printf("%s\n", dlerror());
    return 1;
  }
  before_and_after();
  machine();
  EXPECT(CUDA(cuInit)(0) == 0 && CUDA(cuDeviceGetCount)(&cuda_count) == 0);
  EXPECT(NVML(nvmlDeviceGetCount_v2)(&count) == success && count == cuda_count && count > 0);
  EXPECT(NVML(nvmlDeviceGetHandleByIndex_v2)(count, &device) == invalid_argument);
  for (unsigned i = 0; i < count; ++i) {
    EXPECT(NVML(nvmlDeviceGetHandleByIndex_v2)(i, &device) == success);
    names(device, i);
    properties(device, (int)i);
    use(device, (int)i);
  }
  EXPECT(NVML(nvmlShutdown)() == success);
  printf("%u devices, %d failures\n", count, failures);
  return failures != 0;
}
