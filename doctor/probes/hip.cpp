// Asks AMD's HSA and HIP runtimes, in this child. HSA Runtime Specification, hsa_status_t; HIP API, hipInit.
#include <string>

#include "doctor/probes/driver_library.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

constexpr int out_of_resources = 0x1008;  // HSA_STATUS_ERROR_OUT_OF_RESOURCES

// The runtime that is installed: by the names that programs of each ROCm release have in them.
DriverLibrary hip_runtime(const Place& place) {
  for (const char* name :
       {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5", "/opt/rocm/lib/libamdhip64.so"}) {
    DriverLibrary library(place, name);
    if (library) return library;
  }
  return DriverLibrary(place, "libamdhip64.so");
}

}  // namespace

void probe_hip(const Place& place, Sink& sink) {
  sink.asking("p:hip.init");
  DriverLibrary hsa(place, "libhsa-runtime64.so.1");
  auto* hsa_init = hsa.function<int()>("hsa_init");
  if (hsa_init && hsa_init() == out_of_resources) return sink.set("p:hip.init", "hsa-out-of-resources");
  sink.asking("p:hip.init");
  DriverLibrary hip = hip_runtime(place);
  auto* init = hip.function<int(unsigned)>("hipInit");
  bool amd_here = is_there(place, "/dev/kfd") || is_there(place, "/sys/class/kfd") || is_there(place, "/opt/rocm");
  if (!init && !amd_here) return;  // nothing of AMD's is here that could fail
  if (!init) return sink.set("p:hip.init", "dlopen-failed");
  int count = 0, code = init(0);
  sink.set("p:hip.init", std::to_string(code));
  auto* get_count = hip.function<int(int*)>("hipGetDeviceCount");
  if (code != 0 || !get_count) return sink.set("p:hip.count", "0");
  sink.asking("p:hip.count");
  sink.set("p:hip.count", std::to_string(get_count(&count) == 0 ? count : 0));
}

}  // namespace outboard::doctor::probes
