// Kernels with shared memory and barriers, for tests of stages (pass/stages.h).
#pragma once
#include "device/software/codegen/kernel_harness.h"

namespace test {

inline constexpr uint32_t blocks = 3;

// Shared memory `s` of a word per thread, whose place is in %r10; thread %r3 of %r2; what each thread has at the end in
// %r20 goes to its element of the parameter.
inline std::string with_shared(const std::string& body) {
  return ".visible .entry k(.param .u64 p)\n{ .shared .align 4 .b32 s[1024]; .reg .b32 %t<64>; .reg .pred %q<8>;\n" +
         std::string(prologue) + "shl.b32 %r10, %r3, 2; mov.u32 %r11, s; add.u32 %r10, %r10, %r11;\n" + body +
         "\nst.global.u32 [%d2], %r20;\nret;\n}\n";
}

inline bool in_stages(Kernel& kernel, uint32_t threads) {
  auto entry = kernel.program->entry(0, software::grouping_of(threads, 1, 1));
  return entry && entry.value().staging == software::Staging::several;
}

inline std::vector<uint32_t> run(Kernel& kernel, uint32_t threads) {
  std::vector<uint32_t> data(blocks * threads);
  for (uint32_t i = 0; i < data.size(); ++i) data[i] = 7 * i + 1;
  EXPECT_EQ(kernel.run(blocks, threads, {at(data.data())}), CUDA_SUCCESS);
  return data;
}

}  // namespace test
