// Names of the variables that a module's PTX declares, without parsing the rest of it. Reads untrusted bytes.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace image {

// Those of .global and .const at module scope (PTX ISA, "State Spaces"), in order; at most `most`.
std::vector<std::string> variables_of_ptx(std::string_view text, size_t most);

// Of an image in any form that obModuleLoad takes. Empty also where there is no PTX in it, or it is damaged.
std::vector<std::string> variables_of(std::span<const std::byte> image, size_t most);

}  // namespace image
