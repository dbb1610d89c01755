// Reads a program, without running it: what it needs, which GPU interfaces it uses, for which GPUs it has code.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/probe.h"

namespace outboard::doctor::probes {

struct Program {
  std::string path;    // of the program itself, or of the interpreter that its first line names
  std::string script;  // what the interpreter reads; empty: nothing that is known
  bool is_python = false;
};

// An error: there is no such file, or it is neither an ELF program nor a script.
base::Result<Program> find_program(const Place& place, const std::vector<std::string>& command);
std::vector<Probe> program_probes(const Program& program);

}  // namespace outboard::doctor::probes
