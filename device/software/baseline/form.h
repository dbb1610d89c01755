// A form is what one handler serves: an instruction with all that its code depends on. Registers and numbers are named
// by their place only, so that the forms of a program are few.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device/software/codegen/emitter.h"
#include "device/software/ptx/ast.h"

namespace software {

struct Form {
  std::string key;  // equal keys, equal code: "add.s32 r32 r32 i"
  ptx::Instruction instruction;
  std::vector<ptx::Register> registers;
};

// What a step of that form holds, in the order of Form's operands.
struct Given {
  bool is_register;
  uint64_t value;  // the register's index, or a number
};

// A function as its instructions see it: its own registers, then one that holds the lanes' addresses of its local
// memory, then one for each of its results and parameters that lies in a caller's.
class FormMaker {
 public:
  FormMaker(const ptx::Module& module, const ptx::Function& function, const Placement& placement,
            uint64_t variables_at);

  uint32_t local_register() const { return static_cast<uint32_t>(function_.registers.size()); }
  uint32_t result_register(size_t i) const { return local_register() + 1 + static_cast<uint32_t>(i); }
  uint32_t parameter_register(size_t i) const {
    return result_register(function_.results.size()) + static_cast<uint32_t>(i);
  }
  const Frame& frame() const { return frame_; }

  struct Made {
    Form form;
    std::vector<Given> given;
  };
  // Nothing: there is no form of such an instruction, the kernel has to be compiled.
  std::optional<Made> make(const ptx::Instruction& instruction);

 private:
  struct Place;
  bool rewrite(ptx::Operand& operand, bool literal);
  bool rewrite_address(ptx::Operand& operand);
  bool rewrite_symbol(ptx::Operand& operand);
  Place place_of(const ptx::Operand& operand) const;
  uint32_t give_register(uint32_t index);
  uint32_t give(uint64_t value);

  const ptx::Module& module_;
  const ptx::Function& function_;
  const Placement& placement_;
  const uint64_t variables_at_;
  const Frame frame_;
  Made made_;
};

}  // namespace software
