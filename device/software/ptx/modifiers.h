// The words behind an instruction's dots, decoded once.
#pragma once
#include <string_view>

#include "device/software/ptx/ast.h"

namespace ptx {

Type type_named(std::string_view word);    // Type::none: no type
Space space_named(std::string_view word);  // "shared::cta" is shared; Space::none: no space

// Adds one word (without its dot) to an instruction's modifiers.
void add_modifier(Modifiers& modifiers, std::string_view word);

}  // namespace ptx
