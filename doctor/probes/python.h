// The GPU frameworks that a Python program imports, and whether their builds know of GPUs. Nothing is run.
#pragma once
#include <string>

#include "doctor/probes/reading.h"
#include "doctor/probes/sink.h"

namespace outboard::doctor::probes {

void probe_python(const Place& place, const std::string& interpreter, const std::string& script, Sink& sink);

}  // namespace outboard::doctor::probes
