// Asks CUDA's driver, in this child, what a program would ask first. CUDA Driver API, sections Initialization, Version
// Management, Device Management, Primary Context Management.
#include <unistd.h>

#include <string>

#include "doctor/probes/driver_library.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

using Init = int(unsigned);
using Number = int(int*);
using Get = int(int*, int);
using Name = int(char*, int, int);
using Attribute = int(int*, int, int);
using Retain = int(void**, int);

void ask_device(const DriverLibrary& cuda, Sink& sink) {
  int device = 0;
  auto* get = cuda.function<Get>("cuDeviceGet");
  if (!get || get(&device, 0) != 0) return;
  char name[256] = {};
  if (auto* ask = cuda.function<Name>("cuDeviceGetName"); ask && ask(name, sizeof name - 1, device) == 0)
    sink.set("p:cuda.name", name);
  int major = 0, minor = 0;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
  if (auto* ask = cuda.function<Attribute>("cuDeviceGetAttribute");
      ask && ask(&major, 75, device) == 0 && ask(&minor, 76, device) == 0)
    sink.set("p:cuda.cc", std::to_string(major) + "." + std::to_string(minor));
  auto* retain = cuda.function<Retain>("cuDevicePrimaryCtxRetain");
  if (!retain) return;
  void* context = nullptr;
  sink.asking("p:cuda.ctx");
  sink.set("p:cuda.ctx", std::to_string(retain(&context, device)));
}

// The code of cuInit, or of cuDeviceGetCount when that fails; 100 (no device) when there are none.
int count_devices(const DriverLibrary& cuda, int& count) {
  auto* init = cuda.function<Init>("cuInit");
  auto* get_count = cuda.function<Number>("cuDeviceGetCount");
  count = 0;
  if (!init) return -1;
  int code = init(0);
  if (code == 0 && get_count) code = get_count(&count);
  return code == 0 && count == 0 ? 100 : code;
}

}  // namespace

void probe_cuda(const Place& place, Sink& sink) {
  sink.asking("p:cuda.cuInit");
  DriverLibrary cuda(place, "libcuda.so.1");
  auto* init = cuda.function<Init>("cuInit");
  if (!init) {
    sink.set("p:cuda.cuInit", "dlopen-failed");
    sink.set("p:cuda.path", "");
    sink.set("p:dlopen.error", cuda ? "libcuda.so.1 has no cuInit" : cuda.error());
    return;
  }
  sink.set("p:cuda.path", cuda.path_of("cuInit"));
  int version = 0, count = 0;
  if (auto* ask = cuda.function<Number>("cuDriverGetVersion"); ask && ask(&version) == 0)
    sink.set("p:cuda.driver", std::to_string(version));
  sink.asking("p:cuda.cuInit");
  int code = init(0);
  sink.set("p:cuda.cuInit", std::to_string(code));
  if (code != 0) return;
  sink.asking("p:cuda.count");
  auto* get_count = cuda.function<Number>("cuDeviceGetCount");
  code = get_count ? get_count(&count) : -1;
  sink.set("p:cuda.count", std::to_string(code == 0 ? count : 0));
  if (count > 0) ask_device(cuda, sink);
}

void probe_cuda_unfiltered(const Place& place, Sink& sink) {
  if (!place.environment.contains("CUDA_VISIBLE_DEVICES")) return;
  unsetenv("CUDA_VISIBLE_DEVICES");
  DriverLibrary cuda(place, "libcuda.so.1");
  if (!cuda) return sink.set("p:cuda.nocvd", "dlopen-failed");
  int count = 0;
  sink.asking("p:cuda.nocvd");
  int code = count_devices(cuda, count);
  sink.set("p:cuda.nocvd", std::to_string(code));
  sink.set("p:cuda.nocvd.count", std::to_string(count));
}

}  // namespace outboard::doctor::probes
