// From a machine to facts: the doctor's eyes. docs/doctor-facts.md lists the keys.
#pragma once
#include <string>
#include <vector>

#include "doctor/facts.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/probe.h"

namespace outboard::doctor {

struct Collected {
  Facts facts;
  std::vector<probes::Failure> failures;  // probes that crashed or were late: exit code 5 when one crashed
};

// Runs every probe. Nothing is written, no right is asked for, no GPU library is loaded in this process.
Collected collect(const probes::Place& place);

// What outboard doctor desktop looks at: the Windows side of WSL, its Remote Desktop, and where this is.
Collected collect_desktop(const probes::Place& place);

// The same for a program that is to run: reads it, without running it, into "p:app.*" and the like (program.h). An
// error: there is no such program.
base::Result<Collected> collect(const probes::Place& place, const std::vector<std::string>& command);

}  // namespace outboard::doctor
