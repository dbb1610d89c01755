// Kernels in stages: what barriers combine, and loops between them that are taken apart (pass/split_loops.h).
#include "device/software/codegen/stages_harness.h"

namespace {

using test::in_stages;
using test::Kernel;
using test::run;
using test::with_shared;

// In every turn the threads vote three times; those from 70 on have returned before.
TEST(Stages, BarriersCombineWhatTheThreadsSay) {
  Kernel kernel(with_shared(R"(
    setp.ge.u32 %p1, %r3, 70; @%p1 ret;
    mov.u32 %r20, 0; mov.u32 %r12, 0;
    LOOP:
    and.b32 %r13, %r3, 3; setp.lt.u32 %p2, %r13, %r12; bar.red.popc.u32 %r14, 0, %p2;
    mad.lo.u32 %r20, %r20, 7, %r14;
    setp.eq.u32 %p3, %r12, 3; setp.eq.u32 %p4, %r3, %r12;
    bar.red.and.pred %p5, 1, %p3; selp.u32 %r15, 1, 0, %p5; add.u32 %r20, %r20, %r15;
    bar.red.or.pred %p6, 2, !%p4; selp.u32 %r16, 2, 0, %p6; add.u32 %r20, %r20, %r16;
    setp.eq.u32 %p4, %r3, 69; setp.eq.and.u32 %p4, %r12, 1, %p4;
    barrier.red.or.pred %p6, 3, %p4; selp.u32 %r16, 4, 0, %p6; add.u32 %r20, %r20, %r16;
    add.u32 %r12, %r12, 1; setp.lt.u32 %p7, %r12, 4; @%p7 bra LOOP;)"));
  EXPECT_TRUE(in_stages(kernel, 96));
  for (uint32_t threads : {1u, 32u, 40u, 96u, 256u}) {
    auto got = run(kernel, threads);
    const uint32_t voters = std::min(threads, 70u);
    uint32_t expected = 0;
    for (uint32_t turn = 0; turn < 4; ++turn) {
      uint32_t held = 0;
      for (uint32_t thread = 0; thread < voters; ++thread) held += thread % 4 < turn;
      expected =
          expected * 7 + held + (turn == 3) + (voters > 1 || turn != 0 ? 2 : 0) + (turn == 1 && voters == 70 ? 4 : 0);
    }
    for (uint32_t i = 0; i < got.size(); ++i) {
      uint32_t thread = i % threads;
      ASSERT_EQ(got[i], thread < 70 ? expected : 7 * i + 1) << threads << " " << i;
    }
  }
}

// Each thread goes over the words of its lane in all later warps, again and again until none of them is missing, and
// then writes the sum of them and one: warps that wait for each other must run in turns.
TEST(Stages, LoopsThatWatchManyPlacesWaitForOtherWarps) {
  Kernel kernel(with_shared(R"(
    st.volatile.shared.u32 [%r10], 0; bar.sync 0;
    mov.u32 %r20, 1; sub.u32 %r12, %r2, 32; setp.ge.u32 %p1, %r3, %r12; @%p1 bra DONE;
    ROUND: mov.u32 %r13, %r10; mov.u32 %r15, %r3; mov.u32 %r20, 1; setp.ne.u32 %p2, %r2, %r2;
    PLACE: add.u32 %r15, %r15, 32; add.u32 %r13, %r13, 128;
    ld.volatile.shared.u32 %r14, [%r13]; add.u32 %r20, %r20, %r14;
    setp.eq.or.u32 %p2, %r14, 0, %p2; setp.lt.u32 %p3, %r15, %r12; @%p3 bra PLACE;
    @%p2 bra ROUND;
    DONE: st.volatile.shared.u32 [%r10], %r20;)"));
  EXPECT_FALSE(in_stages(kernel, 96));
  for (uint32_t threads : {32u, 96u, 256u}) {
    auto got = run(kernel, threads);
    for (uint32_t i = 0; i < got.size(); ++i)
      ASSERT_EQ(got[i], 1u << (threads / 32 - 1 - i % threads / 32)) << threads << " " << i;
  }
}

// A product in registers, 4 by 4 a thread: its sums do not fit into 16 vector registers together. Two counters go up
// in the loop, one of them is wanted behind it; so is what was loaded last.
TEST(Stages, LoopsOfManySumsAreTakenApart) {
  std::string start, step, end;
  for (int i = 0; i < 4; ++i)
    step += "ld.shared.u32 %t" + std::to_string(40 + i) + ", [%r14+" + std::to_string(4 * i) + "];\n";
  for (int i = 0; i < 4; ++i)
    step += "ld.shared.u32 %t" + std::to_string(50 + i) + ", [%r15+" + std::to_string(128 * i) + "];\n";
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      std::string sum = "%t" + std::to_string(4 * i + j);
      start += "mov.u32 " + sum + ", 0; ";
      step +=
          "mad.lo.u32 " + sum + ", %t" + std::to_string(40 + i) + ", %t" + std::to_string(50 + j) + ", " + sum + ";\n";
      end += "mad.lo.u32 %r20, %r20, 3, " + sum + ";\n";
    }
  Kernel kernel(with_shared("mov.u32 %r20, 0; mov.u32 %r12, 0;" + start + R"(
    TURN: mad.lo.u32 %r13, %r3, 5, %r12; st.shared.u32 [%r10], %r13; bar.sync 0;
    mov.u32 %r14, %r11; and.b32 %r15, %r3, 31; shl.b32 %r15, %r15, 2; add.u32 %r15, %r15, %r11; mov.u32 %r16, 0;
    LOOP: )" + step + R"(
    add.u32 %r14, %r14, 16; add.u32 %r15, %r15, 4; add.u32 %r16, %r16, 1; setp.ne.u32 %p1, %r16, 6; @%p1 bra LOOP;
    bar.sync 0;
    add.u32 %r12, %r12, 1; setp.lt.u32 %p2, %r12, 3; @%p2 bra TURN;
    sub.u32 %r17, %r14, %r11; xor.b32 %r20, %r17, %t53;)" +
                            end));
  EXPECT_TRUE(in_stages(kernel, 256));
  for (uint32_t threads : {192u, 256u, 264u}) {
    auto got = run(kernel, threads);
    for (uint32_t i = 0; i < got.size(); ++i) {
      const uint32_t column = i % threads % 32;
      uint32_t sums[4][4] = {}, last = 0;
      for (uint32_t turn = 0; turn < 3; ++turn)
        for (uint32_t k = 0; k < 6; ++k)
          for (uint32_t a = 0; a < 4; ++a)
            for (uint32_t b = 0; b < 4; ++b) {
              last = (column + k + 32 * b) * 5 + turn;
              sums[a][b] += ((4 * k + a) * 5 + turn) * last;
            }
      uint32_t expected = 96 ^ last;
      for (auto& row : sums)
        for (uint32_t sum : row) expected = expected * 3 + sum;
      ASSERT_EQ(got[i], expected) << threads << " " << i;
    }
  }
}

}  // namespace
