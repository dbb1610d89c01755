#include "cli/run.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace cli {
namespace {

namespace fs = std::filesystem;

// build/bin/outboard and build/lib/..., or the same two folders where it is installed.
fs::path library_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "lib" / "software";
}

}  // namespace

int run(const std::string& target, bool verbose, std::vector<std::string> command) {
  if (target != "cpu" && target != "auto") {
    std::fprintf(stderr, "outboard: target '%s' is not available in this version; use --on cpu\n", target.c_str());
    return 2;
  }
  fs::path folder = library_folder();
  std::error_code error;
  if (!fs::exists(folder / "libcuda.so.1", error)) {
    std::fprintf(stderr, "outboard: %s/libcuda.so.1 is missing; build it with make build\n", folder.c_str());
    return 2;
  }
  const char* before = std::getenv("LD_LIBRARY_PATH");
  std::string path = folder.string();
  if (before && *before) path += std::string(":") + before;
  setenv("LD_LIBRARY_PATH", path.c_str(), 1);
  if (verbose) std::fprintf(stderr, "outboard: the software GPU on this machine's CPU (%s)\n", folder.c_str());
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  int reason = errno;
  std::fprintf(stderr, "outboard: cannot run %s: %s\n", arguments[0], std::strerror(reason));
  return reason == ENOENT ? 127 : 126;
}

}  // namespace cli
