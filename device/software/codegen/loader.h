// Puts machine code where it can run. Code is never taken away: a stream may still be running it.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "device/software/codegen/machine_code.h"

namespace software {

// The PTX that a kernel was made from.
struct Origin {
  std::shared_ptr<const std::vector<std::string>> texts;
  uint32_t line;  // the kernel's
};

// The address of the kernel, whose module's variables are at `variables`. Thread-safe.
base::Result<void*> load_machine_code(const MachineCode& code, uint64_t variables, Origin origin);

// The addresses of functions of an object that `make_object` made. Thread-safe.
base::Result<std::vector<void*>> load_functions(const std::string& object, std::span<const std::string> names);

}  // namespace software
