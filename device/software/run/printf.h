// Device printf: formats what a kernel's vprintf passed. Reads the format and the arguments where they are.
#pragma once
#include <cstdint>
#include <string>

namespace software {

// Appends to `out`; returns how many arguments were printed (what CUDA's printf returns), -1: no format.
int format_printf(std::string& out, const char* format, const uint8_t* arguments);

}  // namespace software
