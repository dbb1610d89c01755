// What a job's supervisor runs, one after the other: first what makes a Python environment, where one was asked for and
// is not there yet, then the program.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/far/confinement.h"
#include "exec/far/place.h"
#include "exec/far/program.h"
#include "exec/far/supervisor.h"
#include "exec/spec.h"

namespace exec {

struct Step {
  std::string says;  // to the user, before it runs; empty: nothing
  Launch launch;
  Confinement confinement;
  std::string marks{};  // a file to make when it has ended well; empty: none
};

base::Result<std::vector<Step>> steps_of(const Place& place, const std::string& id, const Spec& spec,
                                         const HostGpu& gpu);

// The confinement of every job on this host, without its own folders.
Confinement usual_confinement();

}  // namespace exec
