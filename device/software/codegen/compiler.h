// PTX text in, functions that run a warp out. The front of code generation; LLVM stays behind it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "device/software/pass/shape.h"
#include "device/software/run/steps.h"
#include "device/software/run/warp.h"

namespace software {

struct Kernel {  // one .entry
  std::string name;
  std::vector<uint32_t> parameter_offsets, parameter_sizes;  // bytes
  uint32_t parameter_bytes = 0;
  uint32_t static_shared = 0;       // bytes
  uint32_t required_block[3] = {};  // .reqntid, 0: none
  uint32_t max_threads = 0;         // .maxntid, 0: no limit
  uint32_t cluster[3] = {};         // .reqnctapercluster, 0: none
  bool explicit_cluster = false;    // .explicitcluster: a launch must be one of clusters
  uint32_t shared_alignment = 128;  // of a block's shared memory, in bytes
  uint32_t ptx_target = 0;          // 75 for sm_75
};

struct Entry {
  KernelEntry code = nullptr;
  uint32_t local_bytes = 0;  // per lane
  Staging staging = Staging::none;
  uint32_t kept_bytes = 0;       // of each warp, from stage to stage
  uint32_t lanes = 32;           // that the code runs at a time
  uint64_t stack_bytes = 0;      // of the machine code's frames, one of each function
  KernelSteps* steps = nullptr;  // it is no machine code yet (run/steps.h); the program's

  // Gives the launch what the code wants to find there.
  void prepare(Launch& launch) const {
    launch.local_bytes = local_bytes;
    launch.staging = staging;
    launch.kept_bytes = kept_bytes;
    launch.lanes = lanes;
    launch.steps = steps;
    launch.frame_bytes = steps ? steps->frame_bytes : 0;
  }
};

class Program {  // one loaded module; thread-safe
 public:
  struct Variable {
    std::string name;
    uint64_t address, size;
    bool managed;
    std::string opaque = {};  // "texref", "samplerref", "surfref": holds the handle of what the program binds to it
    std::vector<std::pair<std::string, std::string>> properties = {};
  };
  virtual ~Program() = default;
  virtual const std::vector<Kernel>& kernels() const = 0;
  virtual const std::vector<Variable>& variables() const = 0;
  // The code for blocks whose threads lie in warps like that, compiled at first use. The error names an instruction
  // that is not supported: "kernel NAME, line N: unsupported instruction 'X'".
  virtual base::Result<Entry> entry(size_t kernel, Grouping grouping) = 0;
  // The same refusals without machine code, and what LLVM's verifier says.
  virtual base::Status check(size_t kernel, Grouping grouping) const = 0;
};

// Device memory for a module's variables, 0: none left. The caller frees it after the Program.
using Allocate = std::function<uint64_t(uint64_t size, uint64_t alignment)>;

// How the threads of such a block lie in warps.
Grouping grouping_of(uint32_t block_x, uint32_t block_y, uint32_t block_z);

// One program from one PTX text, or from several that are linked. The error says where: "line N: ...".
base::Result<std::unique_ptr<Program>> compile(std::span<const std::string> ptx_texts, const Allocate& allocate);

}  // namespace software
