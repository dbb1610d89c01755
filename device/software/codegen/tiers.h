// The two ways a kernel runs: as steps at once, and as machine code once that is made. A kernel that runs for a moment
// is never compiled; for one that runs longer, machine code is made meanwhile and taken up from the next block on.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "device/software/codegen/compiler.h"
#include "device/software/codegen/emitter.h"

namespace software {

// All that a kernel is made from.
struct KernelSource {
  std::shared_ptr<const ptx::Module> module;
  std::shared_ptr<const std::vector<std::string>> texts;
  std::vector<size_t> functions;  // the kernel, then what it may call
  Placement placement;
  Grouping grouping;
  uint64_t variables_at;
};

// A kernel that can be launched. Thread-safe.
class TieredKernel {
 public:
  virtual ~TieredKernel() = default;
  virtual Entry entry() const = 0;
};

// From disk, as steps, or compiled now. OUTBOARD_TIERS: "compiled" makes no steps, "baseline" nothing else;
// "eager", for tests, compiles at the first opportunity, so that kernels change over under way.
base::Result<std::shared_ptr<TieredKernel>> make_kernel(KernelSource source);

}  // namespace software
