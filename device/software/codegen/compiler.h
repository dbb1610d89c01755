// PTX text in, functions that run a warp out. The front of code generation; LLVM stays behind it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "device/software/run/warp.h"

namespace software {

struct Kernel {  // one .entry
  std::string name;
  std::vector<uint32_t> parameter_offsets, parameter_sizes;  // bytes
  uint32_t parameter_bytes = 0;
  uint32_t static_shared = 0;       // bytes
  uint32_t required_block[3] = {};  // .reqntid, 0: none
  uint32_t max_threads = 0;         // .maxntid, 0: no limit
  uint32_t ptx_target = 0;          // 75 for sm_75
};

struct Entry {
  KernelEntry rows = nullptr;     // valid where blockDim.x is a multiple of 32 or the block is one row; may be null
  KernelEntry general = nullptr;  // always valid
  uint32_t local_bytes = 0;       // per lane
  uint64_t stack_bytes = 0;       // of the machine code's frames, one of each function
};

class Program {  // one loaded module; thread-safe
 public:
  struct Variable {
    std::string name;
    uint64_t address, size;
    bool managed;
  };
  virtual ~Program() = default;
  virtual const std::vector<Kernel>& kernels() const = 0;
  virtual const std::vector<Variable>& variables() const = 0;
  // Compiles at first use.
  virtual base::Result<Entry> entry(size_t kernel) = 0;
};

// Device memory for a module's variables, 0: none left. The caller frees it after the Program.
using Allocate = std::function<uint64_t(uint64_t size, uint64_t alignment)>;

// One program from one PTX text, or from several that are linked. The error says where: "kernel NAME, line N:
// unsupported instruction 'X'".
base::Result<std::unique_ptr<Program>> compile(std::span<const std::string> ptx_texts, const Allocate& allocate);

}  // namespace software
