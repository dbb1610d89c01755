// Walks the checks from the outside in.
#include "doctor/diagnosis.h"

#include "doctor/cause.h"
#include "doctor/registry.h"
#include "doctor/traps.h"

namespace outboard::doctor {

namespace {

std::vector<NotChecked> not_checked(const Machine& m) {
  std::vector<NotChecked> list;
  for (const auto& [key, reason] : m.facts.unknown()) list.push_back({key, reason});
  bool windows_known = m.facts.any("w:*") || m.facts.why_unknown("w:CurrentBuild");
  if (m.wsl() && !windows_known)
    list.push_back({"w:*", "Windows could not be asked from here (interop is off or absent)"});
  if (m.facts.absent("k:dmesg") && m.want != "desktop")
    list.push_back({"k:dmesg", "the kernel's log was not readable"});
  return list;
}

// What the probes of the wanted API answered.
std::vector<Evidence> observed(const Machine& m) {
  Seen seen(m.facts);
  if (m.want == "desktop") return seen.facts(m.facts.matching("w:rdp.*")).evidence();
  seen.facts(m.facts.matching("p:cuda.*")).facts(m.facts.matching("p:nvml.*")).facts(m.facts.matching("p:dxg.*"));
  seen.facts(m.facts.matching("p:hip.*")).facts(m.facts.matching("p:cl.*")).facts(m.facts.matching("p:vk.*"));
  seen.facts(m.facts.matching("p:gl.*")).facts(m.facts.matching("p:egl.*")).facts(m.facts.matching("n:/dev/*"));
  return seen.evidence();
}

std::vector<InterfaceState> interfaces(const Machine& m) {
  struct Row {
    const char *name, *code, *count;
  };
  constexpr Row rows[] = {{"cuda", "p:cuda.cuInit", "p:cuda.count"},
                          {"hip", "p:hip.init", "p:hip.count"},
                          {"opencl", "", "p:cl.platforms"},
                          {"vulkan", "", ""},
                          {"opengl", "", ""},
                          {"egl", "", "p:egl.devices"},
                          {"level-zero", "", "p:ze.devices"}};
  std::vector<InterfaceState> states;
  for (const Row& row : rows)
    if (Works works = m.works(row.name); works != Works::unknown)
      states.push_back({row.name, works, m.facts.text(row.code), m.facts.text(row.count)});
  return states;
}

Verdict verdict_of(const Diagnosis& diagnosis) {
  for (const Finding& finding : diagnosis.findings)
    if (finding.check->severity == Severity::blocked) return Verdict::blocked;
  for (const Finding& finding : diagnosis.findings)
    if (finding.check->severity == Severity::limited) return Verdict::limited;
  if (diagnosis.state == Works::yes) return Verdict::works;
  return Verdict::unexplained;
}

}  // namespace

const Finding* Diagnosis::root() const {
  for (const Finding& finding : findings)
    if (finding.check->severity != Severity::info) return &finding;
  return nullptr;
}

std::string undo_of(const Step& step, const Finding& finding) {
  const RegistryValue* value = registry_value(step.setting);
  if (!value) return {};
  std::string before;
  for (const Evidence& item : finding.evidence)
    if (item.key == "w:rdp." + step.setting) before = item.value;
  return as_line(undo_words(*value, before));
}

Diagnosis diagnose(const Facts& facts, const std::set<std::string>& only) {
  Machine machine(facts);
  Diagnosis diagnosis;
  diagnosis.want = machine.want;
  diagnosis.state = machine.works(machine.want);
  diagnosis.layers = machine.layers();
  diagnosis.interfaces = interfaces(machine);
  for (const Check& check : all_checks()) {
    Seen seen(facts);
    if (!only.empty() && !only.contains(std::string(check.id))) continue;
    if (check.only_for.empty() == (machine.want == "desktop")) continue;
    if (!check.find(machine, seen)) continue;
    const Surety* said = seen.surety();
    diagnosis.findings.push_back({&check, seen.evidence(), seen.not_there(), said ? *said : cause(check.id).surety});
  }
  diagnosis.verdict = verdict_of(diagnosis);
  if (const Finding* root = diagnosis.root())
    for (const Finding& other : diagnosis.findings)
      if (&other != root && other.check->rank == root->check->rank) diagnosis.equals.push_back(other);
  diagnosis.not_checked = not_checked(machine);
  diagnosis.traps = traps_in(machine);
  diagnosis.observed = observed(machine);
  return diagnosis;
}

}  // namespace outboard::doctor
