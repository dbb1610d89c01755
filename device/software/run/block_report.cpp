// How a block came to grief, for the log and the launch's error.
#include <signal.h>

#include "base/log.h"
#include "device/software/run/block.h"
#include "device/software/run/code_map.h"
#include "device/software/run/complaint.h"
#include "device/software/run/faults.h"

namespace software {
namespace {

// Which thread the access was, where its code goes lane by lane and left the lanes' addresses; else the warp's threads.
std::string faulty_thread(const Warp& warp, const Fault& fault, bool lane_by_lane) {
  constexpr uint64_t widest = 16;  // bytes of an access
  if (lane_by_lane && warp.addresses)
    for (uint32_t lane = 0; lane < warp_size; ++lane)
      if ((warp.lanes >> lane & 1) && fault.address - warp.addresses[lane] < widest) return thread_place(warp, lane);
  auto last = static_cast<uint32_t>(31 - __builtin_clz(warp.lanes | 1));
  return thread_place(warp, 0) + "-" + thread_place(warp, last);
}

CUresult result_of(int signal) {
  if (signal == SIGSEGV || signal == SIGBUS) return CUDA_ERROR_ILLEGAL_ADDRESS;
  return signal == SIGILL ? CUDA_ERROR_ILLEGAL_INSTRUCTION : CUDA_ERROR_LAUNCH_FAILED;
}

}  // namespace

void Worker::report_deadlock(const Block& block) {
  base::log(base::Level::error, "kernel deadlocks at a barrier",
            {{"kernel", job_->launch.kernel_name},
             {"block", std::to_string(block.index)},
             {"waiting", std::to_string(block.fibers.size())},
             {"exited", std::to_string(block.exited)}});
  job_->fail(CUDA_ERROR_LAUNCH_FAILED);
}

// A fault brought us back: say where, and end the launch.
void Worker::report(Fiber& fiber) {
  const Fault fault = last_fault();
  bool overflow = fault.signal == SIGSEGV && fiber.stack.in_guard(fault.address);
  const char* what = overflow                                           ? "kernel overflows its stack"
                     : fault.signal == SIGFPE || fault.signal == SIGILL ? "kernel executes an illegal instruction"
                                                                        : "kernel touches an illegal address";
  Warp warp = fiber.warps.empty() ? fiber.warp : *fiber.warps[0].running;
  if (!fiber.warps.empty()) warp.addresses = fiber.warps[0].addresses;
  CodePlace place = find_place(warp, fault.code, fault.frame);
  complain(*job_, what, warp, {"address", hexadecimal(fault.address)}, faulty_thread(warp, fault, place.shared),
           place.line);
  job_->fail(overflow ? CUDA_ERROR_HARDWARE_STACK_ERROR : result_of(fault.signal));
}

}  // namespace software
