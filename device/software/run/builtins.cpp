// What generated code calls besides barriers: printf, assert, trap, the heap and the clocks.
#include <time.h>

#include <algorithm>

#include "base/log.h"
#include "device/software/run/block.h"
#include "device/software/run/code_map.h"
#include "device/software/run/complaint.h"
#include "device/software/run/heap.h"
#include "device/software/run/printf.h"

using software::Block;
using software::complain;
using software::find_place;
using software::Job;
using software::thread_place;
using software::triple;
using software::Warp;

namespace {

Block& block_of(Warp* warp) { return *static_cast<Block*>(warp->block); }

uint64_t nanoseconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// Separate functions, so that no destructor is pending when a fiber is abandoned.
void record_assert(Warp* warp, uint32_t lane, const char* message, const char* file, uint32_t line,
                   const char* function) {
  std::string text = std::string(file ? file : "") + ":" + std::to_string(line) + ": " + (function ? function : "") +
                     ": block: " + triple(warp->block_index) + ", thread: " + thread_place(*warp, lane) +
                     " Assertion `" + (message ? message : "") + "` failed.\n";
  block_of(warp).job->fail(CUDA_ERROR_ASSERT, std::move(text));
}

void record_trap(Warp* warp, uint32_t lane, const char* reason, uint64_t at) {
  Job& job = *block_of(warp).job;
  complain(job, "kernel trapped", *warp, {"reason", reason ? reason : "trap"}, thread_place(*warp, lane),
           find_place(*warp, at, 0).line);
  job.fail(CUDA_ERROR_LAUNCH_FAILED);
}

void record_misaligned(Warp* warp, uint32_t lane, uint64_t address, uint64_t at) {
  Job& job = *block_of(warp).job;
  complain(job, "kernel touches a misaligned address", *warp, {"address", software::hexadecimal(address)},
           thread_place(*warp, lane), find_place(*warp, at, 0).line);
  job.fail(CUDA_ERROR_MISALIGNED_ADDRESS);
}

bool record_bad_free(Warp* warp, void* pointer) {
  Job& job = *block_of(warp).job;
  if (job.heap && job.heap->free(pointer)) return false;
  if (!pointer) return false;
  base::log(
      base::Level::error, "kernel frees what malloc did not give",
      {{"kernel", warp->launch->kernel_name}, {"address", software::hexadecimal(reinterpret_cast<uint64_t>(pointer))}});
  job.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
  return true;
}

}  // namespace

std::string software::Job::take_printed() {
  std::lock_guard hold(lock);
  std::stable_sort(printed.begin(), printed.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::string all;
  for (auto& [block, text] : printed) all += text;
  printed.clear();
  return all;
}

extern "C" {

int32_t outboard_printf(Warp* warp, uint32_t, const char* format, const uint8_t* arguments) {
  // The block's buffer is only this thread's, so a fault on the way leaves no lock behind.
  return software::format_printf(block_of(warp).printed, format, arguments);
}

void outboard_assert(Warp* warp, uint32_t lane, const char* message, const char* file, uint32_t line,
                     const char* function) {
  record_assert(warp, lane, message, file, line, function);
  block_of(warp).worker->abandon();
}

void outboard_trap(Warp* warp, uint32_t lane, const char* reason) {
  record_trap(warp, lane, reason, CALL_SITE);
  block_of(warp).worker->abandon();
}

void outboard_misaligned(Warp* warp, uint32_t lane, uint64_t address) {
  record_misaligned(warp, lane, address, CALL_SITE);
  block_of(warp).worker->abandon();
}

void* outboard_malloc(Warp* warp, uint64_t size) {
  Job& job = *block_of(warp).job;
  void* given = job.heap ? job.heap->allocate(size) : nullptr;
  if (given && job.watcher) job.watcher->allocated(reinterpret_cast<uint64_t>(given), size);
  return given;
}

void outboard_free(Warp* warp, void* pointer) {
  if (record_bad_free(warp, pointer)) block_of(warp).worker->abandon();
}

// One tick per nanosecond, which is what CU_DEVICE_ATTRIBUTE_CLOCK_RATE says.
uint64_t outboard_clock() { return nanoseconds(CLOCK_MONOTONIC); }
uint64_t outboard_globaltimer() { return nanoseconds(CLOCK_REALTIME); }

}  // extern "C"
