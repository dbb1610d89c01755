// From PTX to steps: the tier that a kernel runs in until its machine code is made.
#pragma once
#include <memory>
#include <span>

#include "base/result.h"
#include "device/software/codegen/emitter.h"
#include "device/software/run/steps.h"

namespace software {

// Fills `kernel` from functions[0] and what it calls, callers first. The error says what steps cannot do: such a kernel
// is compiled before it runs.
base::Status translate_to_steps(const ptx::Module& module, std::span<const size_t> functions,
                                const Placement& placement, uint64_t variables_at, KernelSteps& kernel);

}  // namespace software
