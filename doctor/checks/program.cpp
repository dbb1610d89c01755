// The program and its environment: variables that hide devices, its builds and libraries, limits set on it.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

constexpr long gibibyte = 1L << 30;
constexpr long room_beside_memory = 64 * gibibyte;  // the driver reserves address space for more than the GPU's memory

bool form_of_a_device(std::string_view name) {
  std::string text = lower(name);
  auto index = number(text);
  return (index && *index >= 0) || text.starts_with("gpu-") || text.starts_with("mig-");
}

// Whether a list of devices hides all: it ends at its first entry that is none (CUDA C++ Programming Guide).
bool hides_all(std::string_view list) {
  auto names = parts(list, ",");
  return names.empty() || trimmed(list).starts_with(",") || !form_of_a_device(names[0]);
}

// The probe without the variable found devices, or was not made.
bool works_without(const Machine& m) {
  auto without = m.code("p:cuda.nocvd");
  return !m.facts.has("p:cuda.nocvd") || without == 0L;
}

bool hidden_by_variable(const Machine& m, Seen& seen) {
  const std::string* list = m.facts.find("e:CUDA_VISIBLE_DEVICES");
  if (!list || !hides_all(*list) || m.slurm || !m.wants({"cuda"}) || !m.cuda_fails() || !works_without(m)) return false;
  if (!m.facts.has("p:cuda.nocvd")) seen.is(Surety::possible);
  return seen.fact("e:CUDA_VISIBLE_DEVICES", "not set, or 0").fact("p:cuda.cuInit", "0").fact("p:cuda.nocvd").found();
}

// What nvidia-smi -L and the kernel list.
std::string known_devices(const Machine& m) {
  std::string all = m.facts.text("c:nvidia-smi.L") + "\n" + m.facts.text("p:nvml.uuids");
  for (const std::string& key : m.facts.matching("f:/proc/driver/nvidia/gpus/*/information"))
    all += "\n" + m.facts.text(key);
  return all;
}

long device_count(const Machine& m) {
  long listed = static_cast<long>(m.facts.matching("f:/proc/driver/nvidia/gpus/*/information").size());
  return std::max(listed, m.code("p:nvml.count").value_or(0));
}

bool absent_device(const Machine& m, Seen& seen) {
  const std::string* list = m.facts.find("e:CUDA_VISIBLE_DEVICES");
  if (!list || hides_all(*list) || !m.wants({"cuda"}) || !m.cuda_fails() || !works_without(m)) return false;
  std::string name = parts(*list, ",")[0];
  auto index = number(name);
  long count = device_count(m);
  bool by_index = index && count > 0 && *index >= count;
  bool listed =
      contains(known_devices(m), "GPU-") && m.code("p:nvml.init").value_or(0) == 0 && !m.says("p:nvml.count", "0");
  bool by_name = !index && listed && !contains_any_case(known_devices(m), name);
  bool proven_by_probe = m.code("p:cuda.nocvd") == 0L && m.code("p:cuda.cuInit") == 100L;
  if (!by_index && !by_name && !proven_by_probe) return false;
  seen.fact("e:CUDA_VISIBLE_DEVICES", "a device of nvidia-smi -L")
      .fact("p:nvml.count")
      .fact("c:nvidia-smi.L")
      .fact("p:cuda.nocvd");
  return seen.facts(m.facts.matching("f:/proc/driver/nvidia/gpus/*/information")).fact("p:cuda.cuInit", "0").found();
}

bool hidden_from_others(const Machine& m, Seen& seen) {
  if (!m.wants({"hip", "opencl", "level-zero", "sycl"}) || !m.blocked()) return false;
  for (std::string_view name :
       {"HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "CUDA_VISIBLE_DEVICES"}) {
    std::string key = "e:" + std::string(name);
    const std::string* list = m.facts.find(key);
    bool other_count =
        list && number(*list) && m.facts.has("p:kfd.count") && *number(*list) >= m.code("p:kfd.count").value_or(0);
    if (list && (hides_all(*list) || other_count) && m.has_gpu(vendor::amd))
      return seen.fact(key, "not set").fact("p:hip.init", "0").fact("p:hip.count").found();
  }
  if (m.wants({"hip"})) return false;
  for (std::string_view name : {"ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR", "SYCL_DEVICE_FILTER"})
    if (std::string key = "e:" + std::string(name); m.facts.has(key) && !m.has_gpu(vendor::nvidia))
      return seen.is(Surety::possible).fact(key, "not set").fact("p:ze.devices").fact("p:cl.platforms").found();
  return false;
}

// The driver's CUDA version: as it says itself, or by its branch (CUDA Compatibility, minimum driver versions).
struct Branch {
  long driver, cuda;
};
constexpr Branch branches[] = {{580, 13}, {525, 12}, {450, 11}};

long driver_cuda_major(const Machine& m) {
  if (auto version = m.code("p:cuda.driver"); version && *version > 0) return *version / 1000;
  for (const Branch& branch : branches)
    if (m.module_version.major() >= branch.driver) return branch.cuda;
  return 0;
}

bool driver_older_than_runtime(const Machine& m, Seen& seen) {
  auto runtime = m.code("p:cudart.version");
  auto driver = m.code("p:cuda.driver");
  auto error = m.code("p:cudart.error");
  long driver_major = driver_cuda_major(m);
  if (error == 0L || m.works("cuda") == Works::no) return false;
  // Within one major version from 11 on, older drivers run newer runtimes (CUDA Compatibility, minor version
  // compatibility).
  bool newer_major = runtime && driver_major > 0 && *runtime / 1000 > driver_major;
  bool newer_before_11 = runtime && driver && *runtime < 11000 && *runtime > *driver;
  if (!newer_major && !newer_before_11 && error != 35L) return false;
  return seen.fact("p:cudart.version", "no newer than the driver")
      .fact("p:cuda.driver")
      .fact(m.module_version_key)
      .fact("p:cudart.error", "0")
      .found();
}

bool ptx_too_new(const Machine& m, Seen& seen) {
  if (m.code("p:module.load") != 222L && m.code("p:cuda.last_error") != 222L) return false;
  return seen.fact("p:module.load", "0").fact("p:cuda.last_error").fact("p:cuda.driver").found();
}

// Whether a list of architectures (sm_80 compute_90) has one that a device of this capability runs.
bool runs_on(std::string_view architectures, const Version& capability) {
  long wanted = capability.major() * 10 + (capability.numbers.size() > 1 ? capability.numbers[1] : 0);
  for (const std::string& name : parts(architectures, " ,;\n")) {
    size_t digits = name.find_first_of("0123456789");
    if (digits == std::string::npos) continue;
    std::string_view rest = std::string_view(name).substr(digits);
    size_t end = std::min(rest.find_first_not_of("0123456789"), rest.size());
    long offered = number(rest.substr(0, end)).value_or(0);
    bool exact = rest.substr(end) == "a", family = rest.substr(end) == "f", ptx = name.starts_with("compute");
    // Machine code runs on its own generation, from its own revision on; PTX on every later one; what is made for one
    // architecture (a) on no other (CUDA C++ Programming Guide, compute capabilities).
    bool generation = offered / 10 == wanted / 10 && offered <= wanted;
    if (exact ? offered == wanted : (ptx && !family) ? offered <= wanted : generation) return true;
  }
  return false;
}

bool not_built_for_this_gpu(const Machine& m, Seen& seen) {
  Version capability = version_in(m.facts.text("p:nvml.cc", m.facts.text("w:nvsmi.cc")));
  std::string offered = m.facts.text("p:app.architectures");
  bool lacks = !offered.empty() && capability && !runs_on(offered, capability);
  bool refused = m.code("p:module.load") == 209L || (m.code("p:cuda.last_error") == 209L && m.wants({"cuda"}));
  if (!lacks && !refused) return false;
  return seen.fact("p:app.architectures", "this GPU's, or PTX of an older one")
      .fact("p:nvml.cc")
      .fact("w:nvsmi.cc")
      .fact("p:module.load", "0")
      .found();
}

bool cpu_build(const Machine& m, Seen& seen) {
  std::string build = lower(m.facts.text("p:app.build"));
  bool cpu = false;
  for (const std::string& word : parts(build, " ,;\n()")) {
    bool suffix = word.ends_with("+cpu") || word.ends_with("-cpu") || word.ends_with("_cpu") || contains(word, "+cpu.");
    cpu = cpu || suffix || word == "cpu" || word == "cpuonly" || word == "cpu-only";
  }
  bool onnx = contains(build, "onnxruntime ") || build == "onnxruntime";
  bool told = !m.told(messages_of("APP-07")).empty();
  if (!cpu && !onnx && !told) return false;
  if (told) told_of(m, seen, "APP-07");
  return seen.fact("p:app.build", "a build with CUDA or ROCm").fact("p:cuda.cuInit").found();
}

bool side_library_missing(const Machine& m, Seen& seen) {
  bool driver = true;
  for (const std::string& name : parts(m.facts.text("p:app.missing"), " ,;\n"))
    driver = driver && (name.starts_with("libcuda.so") || name.starts_with("libnvidia-ml.so"));
  bool told = !m.told(messages_of("APP-08")).empty();
  if (driver && !told) return false;
  if (told) told_of(m, seen, "APP-08");
  return seen.fact("p:app.missing", "nothing missing").fact("p:cuda.cuInit").found();
}

// The soft limit of "Max address space" in bytes; nothing where it is unlimited.
std::optional<long> address_space(const Machine& m) {
  for (const std::string& line : lines(m.facts.text("f:/proc/self/limits")))
    if (line.starts_with("Max address space")) {
      auto words = parts(line.substr(17), " \t");
      return words.empty() ? std::nullopt : number(words[0]);
    }
  return std::nullopt;
}

long gpu_memory(const Machine& m) {
  for (const std::string& word : parts(m.facts.text("p:nvml.mem"), " ,;\n"))
    if (word.starts_with("total=")) return number(word.substr(6)).value_or(0) << 20;
  return 0;
}

bool limits(const Machine& m, Seen& seen) {
  auto space = address_space(m);
  bool small = space && *space < gpu_memory(m) + room_beside_memory;
  bool strict = trimmed(m.facts.text("f:/proc/sys/vm/overcommit_memory")) == "2";
  auto code = m.cuda_code();
  bool fits = code && (*code == 2 || *code == 304 || *code == 999);
  if (!(small || strict) || !fits || !m.cuda_fails()) return false;
  if (small) seen.line("f:/proc/self/limits", "Max address space", "unlimited");
  if (strict) seen.fact("f:/proc/sys/vm/overcommit_memory", "0 or 1");
  return seen.fact("p:cuda.cuInit", "0").fact("p:nvml.mem").found();
}

bool after_fork(const Machine& m, Seen& seen) { return told_of(m, seen, "APP-10"); }

bool interposer(const Machine& m, Seen& seen) {
  auto keys = {"e:LD_PRELOAD", "f:/etc/ld.so.preload", "e:LD_AUDIT", "e:CUDA_INJECTION64_PATH"};
  constexpr std::string_view names[] = {"vgpu", "gpu", "cuda", "nvidia", "hami", "geopm", "vulkan", "outboard"};
  bool hides_devices = m.code("p:cuda.cuInit") == 0L && m.code("p:cuda.count") == 0L;
  if (!m.wants({"cuda", "vulkan"}) || !m.blocked()) return false;
  for (const std::string key : keys) {
    std::string value = lower(trimmed(m.facts.text(key)));
    bool of_the_gpu =
        std::any_of(std::begin(names), std::end(names), [&](std::string_view name) { return contains(value, name); });
    if (value.empty() || !(of_the_gpu || hides_devices)) continue;
    return seen.fact(key, "no library in front of the driver")
        .fact("p:cuda.cuInit")
        .fact("p:cuda.count", "1 or more")
        .found();
  }
  bool mapped = contains(m.facts.text("f:/proc/self/maps"), "libvgpu.so");
  if (!mapped) return false;
  return seen.line("f:/proc/self/maps", "libvgpu.so").fact("p:cuda.count", "1 or more").found();
}

bool environment_dropped(const Machine& m, Seen& seen) {
  bool by_sudo = m.facts.has("e:SUDO_USER") || m.facts.has("p:parent.env");
  std::string lost;
  for (const std::string& line : lines(m.facts.text("p:parent.env"))) {
    std::string name = line.substr(0, line.find('='));
    bool ours =
        name == "LD_LIBRARY_PATH" || name.starts_with("CUDA_") || name.starts_with("OCL_") || name.starts_with("VK_");
    if (ours && !m.facts.has("e:" + name)) lost = name;
  }
  if (!by_sudo || lost.empty() || !m.cuda_not_loaded()) return false;
  return seen.fact("e:SUDO_USER")
      .line("p:parent.env", lost)
      .fact("p:cuda.cuInit", "0")
      .missing(lost + " in this environment")
      .found();
}

}  // namespace

const std::vector<Check> program_checks = {
    {"APP-01", 15, Severity::blocked, Layer::program, hidden_by_variable},
    {"APP-03", 15, Severity::blocked, Layer::program, hidden_from_others},
    {"APP-02", 16, Severity::blocked, Layer::program, absent_device},
    {"APP-09", 23, Severity::blocked, Layer::program, limits},
    {"APP-11", 26, Severity::blocked, Layer::program, interposer},
    {"APP-15", 58, Severity::blocked, Layer::program, environment_dropped},
    {"APP-04", 66, Severity::blocked, Layer::program, driver_older_than_runtime},
    {"APP-05", 66, Severity::blocked, Layer::program, ptx_too_new},
    {"APP-06", 66, Severity::blocked, Layer::program, not_built_for_this_gpu},
    {"APP-07", 67, Severity::blocked, Layer::program, cpu_build},
    {"APP-08", 67, Severity::blocked, Layer::program, side_library_missing},
    {"APP-10", 68, Severity::blocked, Layer::program, after_fork},
};

}  // namespace outboard::doctor
