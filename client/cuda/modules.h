// Modules and their functions as the program holds them. Handles are pointers to these; unloading keeps the shell,
// so that a stale handle is noticed instead of followed.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/cuda/abi.h"
#include "client/cuda/contexts.h"

namespace client {

struct Parameter {
  size_t offset, size;  // bytes in the parameter buffer
};

struct Module;

struct Function {
  uint64_t number = 0;  // what travels
  Module* module = nullptr;
  std::string name;
  std::vector<Parameter> parameters;
  size_t parameter_bytes = 0;
  int32_t attributes[16] = {};
};

struct Module {
  uint64_t number = 0;  // 0: unloaded
  Context* context = nullptr;
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<uint64_t> variables;                                       // addresses that the program asked for
  std::map<std::string, std::pair<uint64_t, uint64_t>> known_variables;  // address and size
};

// The function behind a CUfunction, or behind a CUkernel in the current context; null: neither.
Function* find_function(CUfunction handle);
Module* find_module(CUmodule handle);
// Their context is gone; libraries load theirs again when they are next used.
void forget_modules(const Context& context);
// The kernel of a library that the function comes from; null: it comes from none, or nobody has asked for that kernel.
CUkernel kernel_of(const Function& function);

}  // namespace client
