// Asks NVML, in this child. NVML API Reference: the layouts of its structures stand with each question.
#include <algorithm>
#include <array>
#include <string>

#include "doctor/probes/driver_library.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

using Device = void*;
using Init = int();
using Count = int(unsigned*);
using Handle = int(unsigned, Device*);
using Number = int(Device, unsigned*);
using Pair = int(Device, unsigned*, unsigned*);
using Capability = int(Device, int*, int*);
using Text = int(Device, char*, unsigned);
using SystemText = int(char*, unsigned);

struct Memory {  // nvmlMemory_t
  unsigned long long total, free, used;
};
struct Fabric {  // nvmlGpuFabricInfo_t
  char cluster[16];
  int status;
  unsigned clique;
  unsigned char state;
};
struct ConfidentialState {  // nvmlConfComputeSystemState_t
  unsigned environment, feature, developer_tools;
};

std::string mebibytes(unsigned long long bytes) { return std::to_string(bytes >> 20); }

// "pid=7 jax": who computes on the device (nvmlProcessInfo_t of version 3).
std::string processes(const DriverLibrary& nvml, Device device) {
  using List = int(Device, unsigned*, void*);
  struct Process {
    unsigned pid;
    unsigned long long memory;
    unsigned instance, compute_instance;
  };
  auto* list = nvml.function<List>("nvmlDeviceGetComputeRunningProcesses_v3");
  auto* name_of_process = nvml.function<int(unsigned, char*, unsigned)>("nvmlSystemGetProcessName");
  std::array<Process, 64> found = {};
  unsigned count = found.size();
  if (!list || list(device, &count, found.data()) != 0) return "";
  std::string text = std::to_string(count);
  for (unsigned index = 0; index < std::min<unsigned>(count, found.size()); ++index) {
    char name[256] = {};
    if (name_of_process) name_of_process(found[index].pid, name, sizeof name - 1);
    std::string_view command = name;
    text += " pid=" + std::to_string(found[index].pid) + " " + std::string(command.substr(command.rfind('/') + 1));
  }
  return text;
}

std::string mig(const DriverLibrary& nvml, Device device) {
  auto* mode = nvml.function<Pair>("nvmlDeviceGetMigMode");
  unsigned current = 0, pending = 0;
  if (!mode || mode(device, &current, &pending) != 0 || current == 0) return "Disabled";
  auto* most = nvml.function<Number>("nvmlDeviceGetMaxMigDeviceCount");
  auto* handle = nvml.function<int(Device, unsigned, Device*)>("nvmlDeviceGetMigDeviceHandleByIndex");
  unsigned slots = 0, instances = 0;
  if (most && handle && most(device, &slots) == 0)
    for (unsigned index = 0; index < std::min(slots, 64u); ++index) {
      Device instance = nullptr;
      instances += handle(device, index, &instance) == 0;
    }
  return "Enabled instances=" + std::to_string(instances);
}

std::string fabric(const DriverLibrary& nvml, Device device) {
  auto* ask = nvml.function<int(Device, Fabric*)>("nvmlDeviceGetGpuFabricInfo");
  constexpr std::array states = {"N/A", "Not Started", "In Progress", "Completed"};
  Fabric info = {};
  if (!ask || ask(device, &info) != 0 || info.state >= states.size()) return "N/A";
  return states[info.state];
}

void ask_device(const DriverLibrary& nvml, Device device, Sink& sink) {
  unsigned mode = 0;
  constexpr std::array modes = {"Default", "Exclusive_Thread", "Prohibited", "Exclusive_Process"};
  if (auto* ask = nvml.function<Number>("nvmlDeviceGetComputeMode");
      ask && ask(device, &mode) == 0 && mode < modes.size())
    sink.set("p:nvml.compute_mode", modes[mode]);
  if (auto* ask = nvml.function<Number>("nvmlDeviceGetPersistenceMode"); ask && ask(device, &mode) == 0)
    sink.set("p:nvml.persistence", mode ? "Enabled" : "Disabled");
  sink.set("p:nvml.mig", mig(nvml, device));
  sink.set("p:nvml.fabric", fabric(nvml, device));
  int major = 0, minor = 0;
  if (auto* ask = nvml.function<Capability>("nvmlDeviceGetCudaComputeCapability");
      ask && ask(device, &major, &minor) == 0)
    sink.set("p:nvml.cc", std::to_string(major) + "." + std::to_string(minor));
  Memory memory = {};
  if (auto* ask = nvml.function<int(Device, Memory*)>("nvmlDeviceGetMemoryInfo"); ask && ask(device, &memory) == 0)
    sink.set("p:nvml.mem", "total=" + mebibytes(memory.total) + " used=" + mebibytes(memory.used));
  unsigned corrected = 0, uncorrected = 0, pending = 0, failed = 0;
  if (auto* ask = nvml.function<int(Device, unsigned*, unsigned*, unsigned*, unsigned*)>("nvmlDeviceGetRemappedRows");
      ask && ask(device, &corrected, &uncorrected, &pending, &failed) == 0)
    sink.set("p:nvml.remap",
             std::string("pending=") + (pending ? "yes" : "no") + " failure=" + (failed ? "yes" : "no"));
  std::string running = processes(nvml, device);
  if (!running.empty()) sink.set("p:nvml.procs", running);
  char name[128] = {};
  if (auto* ask = nvml.function<Text>("nvmlDeviceGetName"); ask && ask(device, name, sizeof name - 1) == 0)
    sink.set("p:nvml.name", name);
}

// Of every device, a line each: CUDA_VISIBLE_DEVICES may name them.
std::string uuids(const DriverLibrary& nvml, unsigned count) {
  auto* handle = nvml.function<Handle>("nvmlDeviceGetHandleByIndex_v2");
  auto* ask = nvml.function<Text>("nvmlDeviceGetUUID");
  std::vector<std::string> found;
  for (unsigned index = 0; handle && ask && index < std::min(count, 64u); ++index) {
    Device device = nullptr;
    char uuid[96] = {};
    if (handle(index, &device) == 0 && ask(device, uuid, sizeof uuid - 1) == 0) found.emplace_back(uuid);
  }
  return join(found, "\n");
}

void ask_confidential(const DriverLibrary& nvml, Sink& sink) {
  ConfidentialState state = {};
  unsigned ready = 0;
  auto* ask = nvml.function<int(ConfidentialState*)>("nvmlSystemGetConfComputeState");
  auto* ask_ready = nvml.function<Count>("nvmlSystemGetConfComputeGpusReadyState");
  if (!ask || ask(&state) != 0 || state.feature == 0) return;
  if (!ask_ready || ask_ready(&ready) != 0) return;
  sink.set("p:cc", std::string("on ready=") + (ready ? "yes" : "no"));
}

}  // namespace

void probe_nvml(const Place& place, Sink& sink) {
  sink.asking("p:nvml.init");
  DriverLibrary nvml(place, "libnvidia-ml.so.1");
  auto* init = nvml.function<Init>("nvmlInit_v2");
  if (!init) {
    sink.set("p:nvml.init", "dlopen-failed");
    sink.set("p:nvml.path", "");
    sink.set("p:nvml.error", nvml ? "libnvidia-ml.so.1 has no nvmlInit_v2" : nvml.error());
    return;
  }
  sink.set("p:nvml.path", nvml.path_of("nvmlInit_v2"));
  sink.asking("p:nvml.init");
  int code = init();
  sink.set("p:nvml.init", std::to_string(code));
  if (code != 0) return;
  unsigned count = 0;
  char version[96] = {};
  if (auto* ask = nvml.function<SystemText>("nvmlSystemGetDriverVersion"); ask && ask(version, sizeof version - 1) == 0)
    sink.set("p:nvml.driver", version);
  if (auto* ask = nvml.function<Count>("nvmlDeviceGetCount_v2"); !ask || ask(&count) != 0) return;
  sink.set("p:nvml.count", std::to_string(count));
  ask_confidential(nvml, sink);
  sink.set("p:nvml.uuids", uuids(nvml, count));
  Device device = nullptr;
  auto* handle = nvml.function<Handle>("nvmlDeviceGetHandleByIndex_v2");
  if (count > 0 && handle && handle(0, &device) == 0) ask_device(nvml, device, sink);
}

}  // namespace outboard::doctor::probes
