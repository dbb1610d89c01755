// What the log says about a kernel that fails: which kernel, block, thread and line of its PTX.
#pragma once
#include <string>
#include <string_view>

#include "base/log.h"
#include "device/software/run/job.h"

namespace software {

// "[1,0,0]"
std::string triple(const uint32_t* numbers);
std::string hexadecimal(uint64_t value);
// The place in its block of one of the warp's threads.
std::string thread_place(const Warp& warp, uint32_t lane);

// Writes the line unless the job failed before. `what`: the address or the reason; `thread`: as thread_place() says,
// or several; an empty `line` is not known.
void complain(Job& job, std::string_view event, const Warp& warp, base::Field what, std::string thread,
              std::string line);

}  // namespace software
