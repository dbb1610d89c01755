// The name of a kernel's machine code: equal keys, equal code.
#pragma once
#include <span>
#include <string>

#include "device/software/codegen/emitter.h"

namespace software {

// From all that code generation reads: the text of the kernel and of what it reaches (`functions`), where names lead,
// the grouping, the processor, LLVM, and this build of ours. Empty: this build cannot tell itself from others, and
// nothing should be kept.
std::string kernel_key(const ptx::Module& module, std::span<const size_t> functions, const Placement& placement,
                       Grouping grouping);

// Of the handlers of those forms (baseline/handlers.h).
std::string handlers_key(std::span<const std::string> forms);

}  // namespace software
