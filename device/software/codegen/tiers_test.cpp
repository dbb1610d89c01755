// Kernels that change from steps to machine code: between blocks, and in the middle of a loop.
#include "device/software/codegen/kernel_harness.h"

namespace test {
namespace {

// A loop of many turns: sums that differ by lane, a number that all lanes agree on, a predicate, a carry, local memory,
// and lanes that leave early.
constexpr const char* long_loop = R"(
.reg .b32 %turn, %turns, %own, %same, %low, %high, %word; .reg .b64 %slot; .reg .pred %more, %odd, %gone;
.local .align 4 .b8 room[8];
ld.global.u32 %turns, [%d1]; mov.u32 %turn, 0; mov.u32 %own, %r1; mov.u32 %same, 1; mov.u32 %high, 0; mov.u32 %low, 0;
mov.u64 %slot, room; st.local.u32 [%slot+4], %r1; setp.eq.u32 %gone, %r1, 5; @%gone bra END;
LOOP:
mad.lo.u32 %own, %own, 1664525, 1013904223; mad.lo.u32 %same, %same, 69069, 1;
add.cc.u32 %low, %low, %own; addc.u32 %high, %high, 0;
setp.gt.s32 %odd, %own, 0; @%odd xor.b32 %own, %own, %same;
@%odd bra EVEN; ld.local.u32 %word, [%slot+4]; add.u32 %word, %word, 1; st.local.u32 [%slot+4], %word;
EVEN: add.u32 %turn, %turn, 1; setp.lt.u32 %more, %turn, %turns; @%more bra LOOP;
END: ld.local.u32 %word, [%slot+4]; xor.b32 %own, %own, %high; add.u32 %own, %own, %low; xor.b32 %own, %own, %word;
bar.sync 0;
st.global.u32 [%d2+4], %own;)";

std::vector<uint32_t> run(Kernel& kernel, uint32_t turns) {
  std::vector<uint32_t> data(65);
  data[0] = turns;
  EXPECT_EQ(kernel.run(1, 64, {at(data.data())}), CUDA_SUCCESS);
  return data;
}

std::vector<uint32_t> expected(uint32_t turns) {
  std::vector<uint32_t> data(65);
  data[0] = turns;
  for (uint32_t lane = 0; lane < 64; ++lane) {
    uint32_t own = lane, same = 1, word = lane;
    uint64_t sum = 0;
    for (uint32_t turn = 0; turn < turns && lane != 5; ++turn) {
      own = own * 1664525 + 1013904223;
      same = same * 69069 + 1;
      sum += own;
      if (static_cast<int32_t>(own) > 0)
        own ^= same;
      else
        ++word;
    }
    own ^= static_cast<uint32_t>(sum >> 32);
    data[lane + 1] = (own + static_cast<uint32_t>(sum)) ^ word;
  }
  return data;
}

TEST(tiers, a_loop_goes_on_as_machine_code) {
  Kernel kernel(one(long_loop));
  software::KernelSteps* steps = kernel.program->entry(0, software::grouping_of(64, 1, 1)).value().steps;
  ASSERT_NE(steps, nullptr);
  EXPECT_EQ(run(kernel, 3), expected(3));
  EXPECT_EQ(steps->compiled.load(), nullptr);
  constexpr uint32_t turns = 3'000'000;
  auto right = expected(turns);
  for (int i = 0; i < 20 && !steps->resumption.load(); ++i) EXPECT_EQ(run(kernel, turns), right);
  EXPECT_NE(steps->compiled.load(), nullptr);
  EXPECT_NE(steps->resumption.load(), nullptr);
}

}  // namespace
}  // namespace test
