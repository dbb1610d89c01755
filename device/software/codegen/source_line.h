// From a line of PTX to the line of the program it was made from.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace software {

// What the text's .loc and .file directives say (PTX ISA, "Debugging Directives"): "saxpy.cu:12", or nothing.
std::string source_line(std::string_view text, uint32_t line);

// A line of one of the linked texts as people write it: "12 (saxpy.cu:3)", or "12" where no more is known.
std::string line_name(std::span<const std::string> texts, uint32_t text, uint32_t line);

}  // namespace software
