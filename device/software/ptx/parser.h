// PTX text to ptx::Module. Takes what compilers emit; says line and cause of what it cannot take. Whether an
// instruction can be executed is not its business.
#pragma once
#include <string>
#include <string_view>

#include "device/software/ptx/ast.h"

namespace ptx {

struct Error {
  uint32_t line = 0;  // 1-based
  std::string text;   // "unknown instruction 'foo'"
};

// False with `error` filled in at the first mistake; `module` is then of no use. Linear in the text, no
// recursion deeper than the text's braces (at most 64), never throws.
bool parse(std::string_view text, Module& module, Error& error);

}  // namespace ptx
