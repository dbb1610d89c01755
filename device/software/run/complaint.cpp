#include "device/software/run/complaint.h"

#include <cstdio>

namespace software {

std::string triple(const uint32_t* numbers) {
  return "[" + std::to_string(numbers[0]) + "," + std::to_string(numbers[1]) + "," + std::to_string(numbers[2]) + "]";
}

std::string hexadecimal(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string thread_place(const Warp& warp, uint32_t lane) {
  uint32_t linear = warp.first_thread + lane;
  const uint32_t* size = warp.launch->block;
  uint32_t at[3] = {linear % size[0], linear / size[0] % size[1], linear / size[0] / size[1]};
  return triple(at);
}

void complain(Job& job, std::string_view event, const Warp& warp, base::Field what, std::string thread,
              std::string line) {
  if (job.failed()) return;
  base::log(base::Level::error, event,
            {{"kernel", warp.launch->kernel_name},
             std::move(what),
             {"block", triple(warp.block_index)},
             {"thread", std::move(thread)},
             {"ptx-line", line.empty() ? "unknown" : std::move(line)}});
}

}  // namespace software
