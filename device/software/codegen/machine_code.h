// From LLVM's form of a kernel to machine code: an object that names no address, so that it can be kept on disk.
#pragma once
#include <llvm/IR/Module.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "device/software/run/warp.h"

namespace software {

// The names in the object: the kernel's entry, and the cell that holds where the module's variables are.
inline constexpr const char* kernel_symbol = "kernel";
inline constexpr const char* variables_symbol = "variables";

struct MachineCode {
  struct Line {
    uint32_t offset;  // from the beginning of the text; valid up to the next one's
    int32_t line;     // of the PTX, counted from the kernel's own; `unknown_line`: not known
    uint32_t text;    // which of the linked texts
  };
  static constexpr int32_t unknown_line = INT32_MIN;

  std::string object;                                           // ELF, relocatable
  uint32_t local_bytes = 0;                                     // per lane
  Staging staging = Staging::none;                              // how its warps run
  uint32_t kept_bytes = 0;                                      // per warp, from stage to stage
  uint32_t lanes = 32;                                          // that one call runs
  uint64_t stack_bytes = 0;                                     // of the frames of all its functions together
  uint64_t text_bytes = 0;                                      // of the section the kernel is in
  uint64_t entry_offset = 0;                                    // the kernel's, in it
  std::vector<Line> lines;                                      // sorted
  std::vector<std::pair<uint32_t, uint32_t>> shared_functions;  // begin and end of those that serve many accesses

  std::string pack() const;
  static std::optional<MachineCode> unpack(std::string_view bytes);
};

// Optimises the module and translates it. `first_line` is the kernel's.
base::Result<MachineCode> make_machine_code(llvm::Module& module, uint32_t first_line);
// The object alone, of any functions.
base::Result<std::string> make_object(llvm::Module& module);

}  // namespace software
