// As much of NVML as the NVIDIA device asks: after the first question this process has 48 MiB of the GPU.
#include <unistd.h>

namespace {

struct Memory {
  unsigned long long total, free, used;
};
struct Process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int nvmlInit_v2() { return 0; }
EXPORT int nvmlDeviceGetHandleByUUID(const char*, void** device) { return *device = nullptr, 0; }
EXPORT int nvmlDeviceGetMemoryInfo(void*, Memory* memory) {
  *memory = {1ull << 33, 1ull << 33, 0};
  return 0;
}
EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, Process* processes) {
  static bool asked = false;
  *count = asked ? 1 : 0;
  processes[0] = {static_cast<unsigned>(getpid()), 48ull << 20, 0, 0};
  asked = true;
  return 0;
}
