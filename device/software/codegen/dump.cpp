// Numbers the files in the order of compilation: 1.ll and 1.o belong together.
#include "device/software/codegen/dump.h"

#include <llvm/Support/raw_ostream.h>

#include <atomic>
#include <cstdlib>
#include <fstream>

namespace software {
namespace {

thread_local unsigned number = 0;

void write(const char* kind, llvm::StringRef bytes) {
  std::ofstream file(std::getenv("OUTBOARD_DUMP") + ("/" + std::to_string(number)) + kind, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

void dump(const llvm::Module& module) {
  static std::atomic<unsigned> last{0};
  if (!std::getenv("OUTBOARD_DUMP")) return;
  number = ++last;
  std::string text;
  llvm::raw_string_ostream(text) << module;
  write(".ll", text);
}

void dump(std::span<const std::string> ptx_texts) {
  static std::atomic<unsigned> last{0};
  if (!std::getenv("OUTBOARD_DUMP")) return;
  for (const std::string& text : ptx_texts) {
    number = ++last;
    write(".ptx", text);
  }
}

void dump(llvm::MemoryBufferRef object) {
  if (std::getenv("OUTBOARD_DUMP")) write(".o", object.getBuffer());
}

}  // namespace software
