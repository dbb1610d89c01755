#include "device/software/check/wording.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include "device/software/run/code_map.h"

namespace software {

uint32_t kind_of(Subject subject, const Access& access, uint32_t more) {
  return subject | (access.how & (outboard_reads | outboard_writes)) << 2 | more << 4;
}

std::string bytes_text(uint64_t count) { return std::to_string(count) + (count == 1 ? " byte" : " bytes"); }

const char* verb(const Access& access) {
  bool both = access.is(outboard_reads) && access.is(outboard_writes);
  return both ? "atomic access" : access.is(outboard_writes) ? "write" : "read";
}

std::string readable(const char* name) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return text ? text.get() : name;
}

std::string line_text(uint64_t place) {
  const std::string line = find_place(place, 0).line;
  return "PTX line " + (line.empty() ? "unknown" : line);
}

}  // namespace software
