// All probes at once.
#include "doctor/probes/collect.h"

#include "doctor/probes/probes.h"
#include "doctor/probes/program.h"

namespace outboard::doctor {

namespace {

Collected run_all(const std::vector<probes::Probe>& all, const probes::Place& place) {
  Collected collected;
  collected.failures = probes::run(all, place, collected.facts);
  // Without a program, the doctor stands for the programs of this machine.
  if (!collected.facts.has("p:proc.elfclass"))
    collected.facts.set("p:proc.elfclass", std::to_string(sizeof(void*) * 8));
  return collected;
}

}  // namespace

Collected collect(const probes::Place& place) { return run_all(probes::all_probes(), place); }

Collected collect_desktop(const probes::Place& place) { return run_all(probes::desktop_probes(), place); }

base::Result<Collected> collect(const probes::Place& place, const std::vector<std::string>& command) {
  probes::Program program = TRY(probes::find_program(place, command));
  std::vector<probes::Probe> all = probes::all_probes();
  for (probes::Probe& probe : probes::program_probes(program)) all.push_back(std::move(probe));
  return run_all(all, place);
}

}  // namespace outboard::doctor
