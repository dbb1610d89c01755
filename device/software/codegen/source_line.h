// From a line of PTX to the line of the program it was made from.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace software {

// What the text's .loc and .file directives say (PTX ISA, "Debugging Directives"): "saxpy.cu:12", or nothing.
std::string source_line(std::string_view text, uint32_t line);

}  // namespace software
