// PTX text from anywhere: it parses, or there is an error with a line. Never a crash, never a hang.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "device/software/ptx/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ptx::Module module;
  ptx::Error error;
  if (!ptx::parse({reinterpret_cast<const char*>(data), size}, module, error) && error.text.empty()) std::abort();
  return 0;
}
