// How findings are told.
#pragma once
#include <cstdint>
#include <string>

#include "device/software/run/watcher.h"

namespace software {

// What a finding is about; with the kind of access it is one kind of finding.
enum Subject : uint32_t { invalid, misaligned, unwritten, racing };
uint32_t kind_of(Subject subject, const Access& access, uint32_t more = 0);

std::string bytes_text(uint64_t count);
const char* verb(const Access& access);
// C++ names as the program has them (Itanium C++ ABI).
std::string readable(const char* name);
std::string line_text(uint64_t place);  // of a place in a kernel's code

}  // namespace software
