// Where handlers come from: most are made when Outboard is built (forms.ptx), the rest when first needed, and kept on
// disk like kernels.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "device/software/baseline/form.h"
#include "device/software/run/steps.h"

namespace llvm {
class Module;
}

namespace software {

// A handler that was built in. Ordered by key.
struct BuiltInHandler {
  const char* key;
  Handlers handlers;
};

// By form, in their order; the error says which instruction is not supported. Thread-safe.
base::Result<std::vector<Handlers>> find_handlers(std::span<const Form* const> forms);

// The handlers of forms[i] as functions "all.i" and "some.i".
base::Status emit_handlers(llvm::Module& module, std::span<const Form* const> forms);

}  // namespace software
