#include "client/cuda/checking.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "client/cuda/coherence.h"
#include "client/cuda/memory_map.h"
#include "client/session.h"

namespace client {
namespace {

bool checking() {
  static const bool is = !wanted_checks().empty();
  return is;
}

bool on_the_host(const Range& range) { return range.kind == Kind::pinned || range.kind == Kind::registered; }

// A line in the file of `outboard run --check`, which adds up what its processes found. False: there is no such file.
bool report(const std::string& line) {
  const char* file = std::getenv("OUTBOARD_CHECK_REPORT");
  int descriptor = file ? open(file, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
  if (descriptor < 0) return false;
  bool written = write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  close(descriptor);
  return written;
}

// On a thread of its own, which is in no context: the program's last one may be gone, and the thread that exits has
// lost what was its own already.
void finish_checking() {
  if (!usable()) return;  // a child that was forked
  uint64_t errors = 0;
  CUresult result = CUDA_SUCCESS;
  std::thread([&] { result = remote::obCheckFinish(&errors); }).join();
  if (result) {
    std::fprintf(stderr,
                 "outboard: the device does not say what its checks found (%d); is the server older than this?\n",
                 static_cast<int>(result));
    return;
  }
  if (!report("found " + std::to_string(errors) + "\n"))
    std::fprintf(stderr, "========= ERROR SUMMARY: %llu error%s\n", static_cast<unsigned long long>(errors),
                 errors == 1 ? "" : "s");
}

}  // namespace

std::string wanted_checks() {
  const char* wanted = std::getenv("OUTBOARD_CHECK");
  return wanted ? wanted : "";
}

void start_checking() {
  if (!checking()) return;
  report("began\n");
  std::atexit(finish_checking);
}

void check_remembered(const Range& range) {
  if (!checking()) return;
  if (on_the_host(range)) remote::obCheckHostMemory(device_address(range.address), range.size);
  if (range.kind == Kind::managed) remote::obCheckWritten(range.address, range.size);
}

void check_forgotten(const Range& range) {
  if (checking() && on_the_host(range)) remote::obCheckHostMemory(device_address(range.address), 0);
}

void check_bad_free(const char* function, uint64_t address) {
  if (checking()) remote::obCheckBadFree(function, address);
}

}  // namespace client
