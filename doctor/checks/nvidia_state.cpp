// States of a working NVIDIA driver that keep programs out: modes, partitions, fabric, licences, memory, suspend.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

constexpr long context_needs_mib = 400;  // a context takes a few hundred MiB before the program allocates

bool has_code(const Machine& m, std::initializer_list<long> codes) {
  for (const char* key : {"p:cuda.cuInit", "p:cuda.ctx", "p:cuda.last_error"})
    if (auto code = m.code(key); code && std::find(codes.begin(), codes.end(), *code) != codes.end()) return true;
  return false;
}

Seen& show_codes(Seen& seen) { return seen.fact("p:cuda.cuInit").fact("p:cuda.ctx").fact("p:cuda.last_error"); }

// The number after "name=" in a text such as "total=24576 used=300".
std::optional<long> named(std::string_view text, std::string_view name) {
  for (const std::string& word : parts(text, " \t\n,;"))
    if (word.starts_with(std::string(name) + "=")) {
      std::string_view value = std::string_view(word).substr(name.size() + 1);
      return number(value.substr(0, value.find_first_not_of("0123456789")));
    }
  return std::nullopt;
}

bool named_yes(std::string_view text, std::string_view name) {
  for (const std::string& word : parts(text, " \t\n,;"))
    if (word.starts_with(std::string(name) + "=")) return is_yes(word.substr(name.size() + 1));
  return false;
}

bool broken_by_suspend(const Machine& m, Seen& seen) {
  bool slept = m.code("f:/sys/power/suspend_stats/success").value_or(0) > 0 || contains(m.log, "PM: suspend exit");
  bool nodes_open = !m.nvidia_nodes().empty();
  for (const std::string& key : m.facts.matching("n:/dev/nvidia*")) {
    auto device = node(m.facts.text(key));
    nodes_open = nodes_open && device && (device->opens() || !contains(key, "uvm"));
    nodes_open = nodes_open && device && device->open != "EPERM" && device->open != "EACCES";
  }
  if (m.wsl() || m.code("p:cuda.cuInit") != 999L || !slept || !nodes_open || !m.facts.has("n:/dev/nvidia-uvm"))
    return false;
  bool fault = contains(m.log, "Xid (") || m.code("p:nvml.init").value_or(0) != 0;
  if (fault) return false;
  seen.fact("f:/sys/power/suspend_stats/success", "0 in this session").line("k:dmesg", "PM: suspend exit");
  return show_codes(seen).fact("n:/dev/nvidia-uvm").found();
}

bool confidential_computing(const Machine& m) {
  std::string state = lower(m.facts.text("p:cc"));
  return contains(state, "on") && !state.starts_with("off");
}
bool not_ready(const Machine& m) {
  std::string state = lower(m.facts.text("p:cc"));
  return confidential_computing(m) &&
         (contains(state, "ready=no") || contains(state, "not-ready") || contains(state, "not ready"));
}

std::string fabric_manager_mismatch(const Machine& m) {
  if (std::string key = m.told(messages_of("NV-25")); !key.empty()) return key;
  for (const std::string& key : m.facts.matching("f:/var/log/fabricmanager*"))
    if (holds_any(m.facts.text(key), messages_of("NV-25"))) return key;
  for (const char* key : {"p:fabricmanager.version", "c:fabricmanager.version"})
    if (Version version = version_in(m.facts.text(key)); version && m.module_version && version != m.module_version)
      return key;
  return {};
}

bool fabric_manager_down(const Machine& m, Seen& seen) {
  bool switches = m.facts.any("n:/dev/nvidia-nvswitch*");
  for (const PciFunction& function : m.pci)
    switches = switches || (function.vendor == vendor::nvidia && function.kind >> 8 == 0x0680);
  bool waits = contains_any_case(m.facts.text("p:nvml.fabric"), "progress") ||
               contains_any_case(m.facts.text("p:nvml.fabric"), "not started");
  std::string service = lower(m.facts.text("c:systemctl.fabricmanager"));
  bool down = contains(service, "inactive") || contains(service, "failed") || contains(service, "not be found") ||
              contains(service, "dead");
  if (!has_code(m, {802}) || !(switches || waits || down) || not_ready(m) || !fabric_manager_mismatch(m).empty())
    return false;
  show_codes(seen).fact("p:nvml.fabric", "Completed").fact("c:systemctl.fabricmanager", "active");
  return seen.facts(m.facts.matching("n:/dev/nvidia-nvswitch*")).found();
}

bool fabric_manager_differs(const Machine& m, Seen& seen) {
  std::string key = fabric_manager_mismatch(m);
  if (!has_code(m, {802}) || key.empty()) return false;
  return show_codes(seen).fact(key, "the driver's version").fact(m.module_version_key).found();
}

bool mig_without_instances(const Machine& m, Seen& seen) {
  const std::string mig = m.facts.text("p:nvml.mig");
  if (!contains_any_case(mig, "enabled") || !m.cuda_fails()) return false;
  auto instances = named(mig, "instances");
  bool none = instances ? *instances == 0 : !m.facts.any("f:/proc/driver/nvidia/capabilities/gpu*/mig/gi*");
  if (!none) return false;
  return show_codes(seen.fact("p:nvml.mig", "an instance, or MIG off")).found();
}

bool prohibited(const Machine& m, Seen& seen) {
  if (m.wsl() || !contains_any_case(m.facts.text("p:nvml.compute_mode"), "prohibited") || !m.cuda_fails()) return false;
  return show_codes(seen.fact("p:nvml.compute_mode", "Default")).found();
}

bool exclusive_and_taken(const Machine& m, Seen& seen) {
  std::string mode = lower(m.facts.text("p:nvml.compute_mode"));
  std::string processes(trimmed(m.facts.text("p:nvml.procs")));
  bool taken = !processes.empty() && !processes.starts_with("0");
  if (!contains(mode, "exclusive") || !taken || !m.cuda_fails()) return false;
  return show_codes(seen.fact("p:nvml.compute_mode", "Default, or no other process").fact("p:nvml.procs")).found();
}

bool memory_full(const Machine& m, Seen& seen) {
  const std::string memory = m.facts.text("p:nvml.mem");
  auto total = named(memory, "total"), used = named(memory, "used"), free = named(memory, "free");
  if (!free && total && used) free = *total - *used;
  bool full = m.code("p:cuda.ctx") == 2L || m.code("p:cuda.last_error") == 2L;
  if (m.wsl() || !full || !free || *free >= context_needs_mib) return false;
  return show_codes(seen.fact("p:nvml.mem", "400 MiB free or more").fact("p:nvml.procs")).found();
}

bool repair_pending(const Machine& m, Seen& seen) {
  const std::string remap = m.facts.text("p:nvml.remap");
  bool pending = named_yes(remap, "pending") || named_yes(remap, "failure") || named_yes(remap, "retired_pending");
  if (!pending || !(m.cuda_fails() || m.code("p:nvml.init") == 16L)) return false;
  return show_codes(seen.fact("p:nvml.remap", "pending=no failure=no")).found();
}

bool excluded(const Machine& m, Seen& seen) {
  bool others_work = m.code("p:nvml.count").value_or(0) > 0;
  if (m.wsl() || !m.cuda_fails() || others_work) return false;
  for (const std::string& key : m.facts.matching("f:/proc/driver/nvidia/gpus/*/information"))
    for (const std::string& line : lines(m.facts.text(key)))
      if (contains(line, "GPU Excluded:") && contains_any_case(line, "yes"))
        return seen.line(key, "GPU Excluded", "No")
            .fact("p:nvml.count", "1 or more")
            .fact("p:cuda.cuInit", "0")
            .found();
  for (const std::string& key : m.facts.matching("c:nvidia-smi.drain*"))
    if (contains_any_case(m.facts.text(key), "draining") && !contains_any_case(m.facts.text(key), "not draining"))
      return seen.fact(key, "not draining").fact("p:cuda.cuInit", "0").found();
  return false;
}

bool no_licence(const Machine& m, Seen& seen) {
  bool unlicensed = false;
  std::string where;
  for (const std::string& key : m.facts.matching("c:nvidia-smi*"))
    for (const std::string& line : lines(m.facts.text(key)))
      if (contains_any_case(line, "license status") && contains_any_case(line, "unlicensed")) {
        unlicensed = true;
        where = key;
      }
  if (!(unlicensed && m.cuda_fails()) && !has_code(m, {102})) return false;
  if (unlicensed) seen.line(where, "license status", "Licensed");
  return show_codes(seen).found();
}

bool not_attested(const Machine& m, Seen& seen) {
  if (!has_code(m, {802}) || !not_ready(m)) return false;
  return show_codes(seen.fact("p:cc", "ready=yes")).found();
}

bool mps(const Machine& m, Seen& seen) {
  if (!has_code(m, {805, 806, 807, 808, 809, 810})) return false;
  seen.fact("e:CUDA_MPS_PIPE_DIRECTORY", "the folder of a running daemon")
      .facts(m.facts.matching("f:/tmp/nvidia-mps*"));
  return show_codes(seen).found();
}

}  // namespace

const std::vector<Check> nvidia_state_checks = {
    {"NV-35", 36, Severity::blocked, Layer::device, not_attested},
    {"NV-25", 37, Severity::blocked, Layer::driver, fabric_manager_differs},
    {"NV-24", 38, Severity::blocked, Layer::driver, fabric_manager_down},
    {"NV-23", 39, Severity::blocked, Layer::driver, broken_by_suspend},
    {"NV-31", 50, Severity::blocked, Layer::device, excluded},
    {"NV-30", 51, Severity::blocked, Layer::device, repair_pending},
    {"NV-26", 52, Severity::blocked, Layer::device, mig_without_instances},
    {"NV-33", 52, Severity::blocked, Layer::device, no_licence},
    {"NV-27", 53, Severity::blocked, Layer::device, prohibited},
    {"NV-28", 53, Severity::blocked, Layer::device, exclusive_and_taken},
    {"NV-37", 53, Severity::blocked, Layer::device, mps},
    {"NV-29", 54, Severity::limited, Layer::device, memory_full},
};

}  // namespace outboard::doctor
