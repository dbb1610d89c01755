// Signatures and layouts as text, so that two headers that cannot be included together can be compared.
// Each side (ours.cpp, theirs.cpp) includes its own header before this file.
#pragma once
#include <cstddef>
#include <map>
#include <string>

namespace drift {

using Facts = std::map<std::string, std::string>;

// The compiler's own spelling of a type, with typedefs resolved.
template <class T>
std::string spelling() {
  return __PRETTY_FUNCTION__;
}

Facts our_functions(), our_layouts(), our_values();
Facts their_functions(), their_layouts(), their_values();

}  // namespace drift
