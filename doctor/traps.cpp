// The traps: one row each.
#include "doctor/traps.h"

namespace outboard::doctor {

namespace {

struct Row {
  const char* id;
  std::string (*find)(const Machine&);  // the fact that looks like a cause; empty where it does not
  const char* why;
};

std::string command_with(const Machine& m, std::string_view words) {
  for (const std::string& key : m.facts.matching("c:*"))
    if (contains_any_case(m.facts.text(key), words)) return key;
  return {};
}

std::string program_fault(const Machine& m) {
  for (const char* xid : {"): 13,", "): 31,", "): 43,", "): 45,"})
    if (contains(m.log, "Xid (") && contains(m.log, xid)) return "k:dmesg";
  return {};
}

std::string versions_of_two_things(const Machine& m) {
  auto driver = m.code("p:cuda.driver");
  Version toolkit = version_in(m.facts.text("c:nvcc"));
  if (!driver || !toolkit || toolkit.numbers.size() < 2) return {};
  return toolkit.numbers[0] * 1000 + toolkit.numbers[1] * 10 != *driver ? "c:nvcc" : "";
}

const Row rows[] = {
    {"TRAP-01",
     [](const Machine& m) -> std::string {
       return m.wsl() && contains(m.log, "dxgk") && contains(m.log, "Ioctl failed") ? "k:dmesg" : "";
     },
     "dxgk ioctl errors -22 and -2 appear at boot on healthy machines"},
    {"TRAP-02", [](const Machine& m) { return command_with(m, "is not a symbolic link"); },
     "ldconfig's remark is cosmetic: the driver ships identical files instead of links"},
    {"TRAP-03",
     [](const Machine& m) -> std::string {
       return m.wsl2 && !m.facts.any("n:/dev/dri/*") && !m.container ? "f:/proc/version" : "";
     },
     "WSL needs no /dev/dri; the newest WSL kernels have none"},
    {"TRAP-04",
     [](const Machine& m) -> std::string { return m.wsl2 && m.facts.any("c:ls*") ? m.facts.matching("c:ls*")[0] : ""; },
     "in WSL lsmod never shows nvidia, and lspci shows a Microsoft device"},
    {"TRAP-05", program_fault, "Xid 13, 31, 43 and 45 are faults of one program, not of the GPU"},
    {"TRAP-07", versions_of_two_things,
     "the CUDA version of nvidia-smi is the driver's maximum, nvcc's is the toolkit's; they may differ"},
    {"TRAP-08",
     [](const Machine& m) -> std::string {
       return m.says("p:nvml.persistence", "disabled") ? "p:nvml.persistence" : "";
     },
     "persistence mode off only makes the first call slower"},
    {"TRAP-09",
     [](const Machine& m) -> std::string { return is_yes(m.facts.text("w:rdp.session")) ? "w:rdp.session" : ""; },
     "a remote desktop session alone does not block CUDA in WSL"},
    {"TRAP-10",
     [](const Machine& m) -> std::string {
       return contains(lower(m.facts.text("p:secureboot")), "enabled") && m.module_loaded() ? "p:secureboot" : "";
     },
     "Secure Boot with a signed module that is loaded is fine"},
};

}  // namespace

std::vector<Trap> traps_in(const Machine& machine) {
  std::vector<Trap> found;
  for (const Row& row : rows)
    if (std::string key = row.find(machine); !key.empty()) found.push_back({row.id, key, row.why});
  return found;
}

}  // namespace outboard::doctor
