// PTX text to results: kernels compiled and run on the pool, compared with what the PTX ISA says.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "device/software/codegen/kernel_harness.h"

namespace {

using namespace test;

TEST(kernel, adds_vectors_and_leaves_what_lies_behind) {
  Kernel kernel(R"(.visible .entry k(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)
  { .reg .pred %p<2>; .reg .b32 %r<6>; .reg .f32 %f<4>; .reg .b64 %d<11>;
    ld.param.u64 %d1, [a]; ld.param.u64 %d2, [b]; ld.param.u64 %d3, [c]; ld.param.u32 %r2, [n];
    mov.u32 %r3, %ntid.x; mov.u32 %r4, %ctaid.x; mov.u32 %r5, %tid.x; mad.lo.s32 %r1, %r4, %r3, %r5;
    setp.ge.s32 %p1, %r1, %r2; @%p1 bra $DONE;
    mul.wide.s32 %d5, %r1, 4; add.s64 %d6, %d1, %d5; add.s64 %d8, %d2, %d5; add.s64 %d10, %d3, %d5;
    ld.global.f32 %f1, [%d6]; ld.global.f32 %f2, [%d8]; add.f32 %f3, %f1, %f2; st.global.f32 [%d10], %f3;
    $DONE: ret; })");
  std::vector<float> a(1000), b(1000), c(1024, -1);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i), b[i] = 0.5f * static_cast<float>(i);
  ASSERT_EQ(kernel.run(8, 128, {at(a.data()), at(b.data()), at(c.data()), 1000}), CUDA_SUCCESS);
  for (size_t i = 0; i < 1000; ++i) ASSERT_EQ(c[i], 1.5f * static_cast<float>(i)) << i;
  for (size_t i = 1000; i < 1024; ++i) ASSERT_EQ(c[i], -1) << i;
}

TEST(kernel, lanes_leave_a_loop_one_by_one) {  // Collatz: steps until 1
  Kernel kernel(one(R"(add.u32 %r4, %r1, 1; mov.u32 %r5, 0;
    LOOP: setp.eq.u32 %p1, %r4, 1; @%p1 bra OUT;
    and.b32 %r6, %r4, 1; setp.eq.u32 %p2, %r6, 0; @%p2 bra EVEN;
    mad.lo.u32 %r4, %r4, 3, 1; bra NEXT;
    EVEN: shr.u32 %r4, %r4, 1;
    NEXT: add.u32 %r5, %r5, 1; bra LOOP;
    OUT: st.global.u32 [%d2], %r5;)"));
  std::vector<uint32_t> steps(100);
  ASSERT_EQ(kernel.run(2, 50, {at(steps.data())}), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 100; ++i) {
    uint32_t expected = 0;
    for (uint64_t n = i + 1; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) ++expected;
    ASSERT_EQ(steps[i], expected) << i;
  }
}

TEST(kernel, a_block_sums_through_shared_memory) {
  Kernel kernel(".shared .align 4 .b8 sums[1024];\n" + one(R"(
    mov.u32 %r10, sums; shl.b32 %r11, %r3, 2; add.s32 %r12, %r10, %r11;
    ld.global.u32 %r4, [%d2]; st.shared.u32 [%r12], %r4; bar.sync 0; mov.u32 %r5, 128;
    LOOP: setp.ge.u32 %p1, %r3, %r5; @%p1 bra SKIP;
    shl.b32 %r6, %r5, 2; add.s32 %r7, %r12, %r6; ld.shared.u32 %r8, [%r7]; ld.shared.u32 %r9, [%r12];
    add.u32 %r9, %r9, %r8; st.shared.u32 [%r12], %r9;
    SKIP: bar.sync 0; shr.u32 %r5, %r5, 1; setp.ne.u32 %p2, %r5, 0; @%p2 bra LOOP;
    ld.shared.u32 %r9, [sums]; st.global.u32 [%d2], %r9;)"));
  std::vector<uint32_t> data(1024);
  std::iota(data.begin(), data.end(), 1u);
  ASSERT_EQ(kernel.run(4, 256, {at(data.data())}), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 1024; ++i) {
    uint32_t first = i / 256 * 256 + 1;
    ASSERT_EQ(data[i], 256 * first + 255 * 256 / 2) << i;
  }
}

TEST(kernel, lanes_exchange_vote_and_match) {
  Kernel kernel(one(R"(shfl.sync.down.b32 %r4, %r3, 1, 31, -1; setp.gt.u32 %p1, %r3, 9;
    vote.sync.ballot.b32 %r5, %p1, -1; add.u32 %r6, %r4, %r5; and.b32 %r7, %r3, 3; match.any.sync.b32 %r8, %r7, -1;
    xor.b32 %r6, %r6, %r8; st.global.u32 [%d2], %r6;)"));
  std::vector<uint32_t> out(32);
  ASSERT_EQ(kernel.run(1, 32, {at(out.data())}), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 32; ++i)
    ASSERT_EQ(out[i], ((i < 31 ? i + 1 : 31) + 0xfffffc00u) ^ (0x11111111u << (i & 3))) << i;
}

TEST(kernel, atomics_lose_nothing) {
  Kernel kernel(one("atom.global.add.u32 %r4, [%d1], 1; red.global.max.u32 [%d1+4], %r1;"));
  uint32_t counters[2] = {};
  ASSERT_EQ(kernel.run(64, 96, {at(counters)}), CUDA_SUCCESS);
  EXPECT_EQ(counters[0], 64u * 96);
  EXPECT_EQ(counters[1], 64u * 96 - 1);
}

TEST(kernel, functions_are_called_lane_by_lane_and_recurse) {
  Kernel kernel(
      R"(.func (.param .b32 result) factorial(.param .b32 n);
  .func (.param .b32 result) factorial(.param .b32 n)
  { .reg .pred %p<2>; .reg .b32 %r<6>; ld.param.u32 %r1, [n]; mov.u32 %r4, 1; setp.lt.u32 %p1, %r1, 2; @%p1 bra BASE;
    add.u32 %r2, %r1, -1;
    { .param .b32 a; st.param.b32 [a], %r2; .param .b32 r; call.uni (r), factorial, (a); ld.param.b32 %r3, [r]; }
    mul.lo.u32 %r4, %r3, %r1;
    BASE: st.param.b32 [result], %r4; ret; }
  )" +
      one(R"({ .param .b32 a; st.param.b32 [a], %r3; .param .b32 r; call.uni (r), factorial, (a); ld.param.b32 %r4, [r]; }
    st.global.u32 [%d2], %r4;)"));
  uint32_t out[12];
  ASSERT_EQ(kernel.run(1, 12, {at(out)}), CUDA_SUCCESS);
  for (uint32_t i = 0, expected = 1; i < 12; ++i, expected *= i) ASSERT_EQ(out[i], expected) << i;
}

TEST(kernel, division_by_zero_and_of_idle_lanes_does_not_trap) {
  Kernel kernel(
      one("div.s32 %r4, 100, %r3; setp.ne.s32 %p1, %r3, 0; @%p1 rem.u32 %r4, 100, %r3; st.global.u32 [%d2], %r4;"));
  uint32_t out[64];
  ASSERT_EQ(kernel.run(1, 64, {at(out)}), CUDA_SUCCESS);
  EXPECT_EQ(out[0], ~0u);
  for (uint32_t i = 1; i < 64; ++i) ASSERT_EQ(out[i], 100 % i) << i;
}

TEST(kernel, conversions_clamp_and_round) {
  Kernel kernel(
      one(R"(ld.global.f32 %f1, [%d2]; cvt.rni.s32.f32 %r4, %f1; cvt.rzi.u8.f32 %h1, %f1; cvt.u32.u16 %r5, %h1;
    shl.b32 %r5, %r5, 24; xor.b32 %r4, %r4, %r5; st.global.u32 [%d2], %r4;)"));
  float in[8] = {2.5f, -1.5f, 300.0f, NAN, 3e9f, -0.4f, 255.9f, 3.5f};
  int32_t rounded[8] = {2, -2, 300, 0, 0x7fffffff, 0, 256, 4};
  uint32_t bytes[8] = {2, 0, 255, 0, 255, 0, 255, 3};
  ASSERT_EQ(kernel.run(1, 8, {at(in)}), CUDA_SUCCESS);
  for (int i = 0; i < 8; ++i) {
    uint32_t got;
    std::memcpy(&got, &in[i], 4);
    EXPECT_EQ(got, static_cast<uint32_t>(rounded[i]) ^ bytes[i] << 24) << i;
  }
}

TEST(kernel, thread_indices_of_a_plane) {
  Kernel kernel(
      one(R"(mov.u32 %r4, %tid.y; mad.lo.u32 %r5, %r4, %r2, %r3; mul.wide.u32 %d4, %r5, 4; add.s64 %d4, %d1, %d4;
    shl.b32 %r6, %r4, 16; or.b32 %r6, %r6, %r3; st.global.u32 [%d4], %r6;)"));
  std::vector<uint32_t> out(7 * 30);
  ASSERT_EQ(kernel.run(1, 7, {at(out.data())}, 30), CUDA_SUCCESS);
  for (uint32_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], (i / 7) << 16 | i % 7) << i;
}

TEST(kernel, initial_values_and_constants_are_there) {
  Kernel kernel(
      ".const .align 4 .b8 table[8] = {1, 0, 0, 0, 2, 0, 0, 0};\n.global .align 4 .u32 word = 40;\n" +
      one("ld.const.u32 %r4, [table+4]; ld.global.u32 %r5, [word]; add.u32 %r6, %r4, %r5; st.global.u32 [%d2], %r6;"));
  uint32_t out = 0;
  ASSERT_EQ(kernel.run(1, 1, {at(&out)}), CUDA_SUCCESS);
  EXPECT_EQ(out, 42u);
  ASSERT_EQ(kernel.program->variables().size(), 2u);
}

TEST(kernel, shared_addresses_wrap_at_32_bits) {
  Kernel kernel(".shared .align 4 .b8 room[256];\n" +
                one(R"(mov.u32 %r4, room; shl.b32 %r5, %r3, 2; sub.s32 %r6, %r4, %r5;
    st.shared.u32 [%r6+124], %r3; bar.sync 0; add.s32 %r7, %r4, %r5; ld.shared.u32 %r8, [%r7]; st.global.u32 [%d2], %r8;)"));
  uint32_t out[32];
  ASSERT_EQ(kernel.run(1, 32, {at(out)}), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 32; ++i) ASSERT_EQ(out[i], 31 - i) << i;
}

// Every warp's stack is made as large as the code says: 200 vectors of 256 bytes live across a barrier with a count,
// where warps wait on their stacks.
TEST(kernel, says_how_large_its_frame_is) {
  std::string body, sum;
  for (int i = 0; i < 200; ++i) {
    std::string reg = "%x" + std::to_string(i);
    body += "ld.global.u64 " + reg + ", [%d2+" + std::to_string(8 * 32 * i) + "];\n";
    sum += "add.u64 %d6, %d6, " + reg + ";\n";
  }
  Kernel kernel(one("add.s64 %d2, %d2, %d3; mov.u64 %d6, 0; .reg .b64 %x<200>;\n" + body + "bar.sync 0, 32;\n" + sum +
                    "st.global.u64 [%d2], %d6;"));
  std::vector<uint64_t> data(32 * 200, 3);
  ASSERT_EQ(kernel.run(1, 32, {at(data.data())}), CUDA_SUCCESS);
  EXPECT_EQ(data[31], 600u);
  EXPECT_GT(kernel.program->entry(0, software::grouping_of(32, 1, 1)).value().stack_bytes, 150u * 256);
}

// Lanes of one side write a register that lanes of the other side have yet to read, and that is not wanted afterwards.
TEST(kernel, a_side_that_waits_keeps_its_values) {
  Kernel kernel(one(R"(
.reg .b32 %a, %b, %sum, %bit;
mul.lo.u32 %a, %r1, 3; mul.lo.u32 %b, %r1, 5; and.b32 %bit, %r1, 1;
T: .branchtargets EVEN, ODD;
brx.idx %bit, T;
EVEN: mov.u32 %b, 7; add.u32 %sum, %a, %b; bra MEET;
ODD: mov.u32 %a, 9; add.u32 %sum, %a, %b;
MEET: st.global.u32 [%d2], %sum;)"));
  std::vector<uint32_t> out(32);
  ASSERT_EQ(kernel.run(1, 32, {at(out.data())}), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 32; ++i) EXPECT_EQ(out[i], i % 2 ? 9 + i * 5 : i * 3 + 7) << i;
}

// A register that nothing writes is 0 in every lane, and what is made with it differs as its other sources do.
TEST(kernel, what_is_never_written_is_zero) {
  Kernel kernel(one(R"(
.reg .b32 %never, %sum, %kept; .reg .pred %no;
mov.u32 %kept, 5; add.u32 %sum, %r1, %never; @!%no add.u32 %kept, %r1, 1; add.u32 %sum, %sum, %kept;
st.global.u32 [%d2], %sum;)"));
  std::vector<uint32_t> out(32);
  ASSERT_EQ(kernel.run(1, 32, {at(out.data())}), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 32; ++i) EXPECT_EQ(out[i], 2 * i + 1) << i;
}

// An unsigned index below zero is a large one: lane 0's address must not move the other lanes'.
TEST(kernel, an_index_that_wraps_round_within_a_warp) {
  std::vector<uint32_t> data(64);
  for (uint32_t i = 0; i < 64; ++i) data[i] = 100 + i;
  Kernel kernel(one(R"(
    sub.u32 %r4, %r1, 3; setp.lt.u32 %p1, %r1, 3; mul.wide.u32 %d4, %r4, 4; add.s64 %d5, %d1, %d4;
    mov.u32 %r5, 7; @!%p1 ld.global.u32 %r5, [%d5]; add.s64 %d6, %d2, 128; st.global.u32 [%d6], %r5;
    cvt.u64.u32 %d7, %r4; shr.u64 %d7, %d7, 32; cvt.u32.u64 %r6, %d7; add.u32 %r6, %r6, %r3; st.global.u32 [%d2], %r6;)"));
  std::vector<uint32_t> shifted(data);
  ASSERT_EQ(kernel.run(1, 32, {at(data.data())}), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 32; ++i) {
    EXPECT_EQ(data[32 + i], i < 3 ? 7 : 100 + i - 3) << i;
    EXPECT_EQ(data[i], i) << i;
  }
}

// Sixteen columns: two rows of the block in each warp, and the last warp of the block is half empty.
TEST(kernel, rows_of_a_block_that_are_shorter_than_a_warp) {
  for (uint32_t width : {8u, 16u, 12u, 32u}) {
    std::vector<uint32_t> data(512, ~0u);
    Kernel kernel(one(R"(
      mov.u32 %r4, %tid.y; mad.lo.u32 %r5, %r4, 40, %r3; mul.wide.u32 %d4, %r5, 4; add.s64 %d5, %d1, %d4;
      shl.b32 %r6, %r4, 8; add.u32 %r6, %r6, %r3; st.global.u32 [%d5], %r6;
      ld.global.u32 %r7, [%d5]; add.u32 %r7, %r7, 65536; st.global.u32 [%d5], %r7;)"));
    ASSERT_EQ(kernel.run(1, width, {at(data.data())}, 5), CUDA_SUCCESS);
    for (uint32_t y = 0; y < 5; ++y)
      for (uint32_t x = 0; x < 40; ++x)
        EXPECT_EQ(data[y * 40 + x], x < width ? y * 256 + x + 65536 : ~0u) << width << " " << x << " " << y;
  }
}

TEST(compile, refuses_what_it_cannot_run_by_name_and_line) {
  auto loaded = compile_text(
      text(".visible .entry k()\n{\n.reg .b64 %d<4>;\nmultimem.st.relaxed.sys.global.b32 [%d1], 5;\nret;\n}\n"));
  ASSERT_TRUE(loaded) << loaded.error();
  auto refused = loaded.value()->entry(0, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().find("kernel k, line 7: unsupported instruction 'multimem.st"), 0u) << refused.error();
}

TEST(compile, says_the_line_of_a_mistake) {
  auto refused = compile_text(text(".visible .entry k()\n{\nfrobnicate;\n}\n"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("line 6"), std::string::npos) << refused.error();
}

// Work stealing: whoever is done takes the next block that has not begun, and every block's work is done once.
TEST(kernel, a_block_takes_over_blocks_that_have_not_begun) {
  test::Kernel kernel(R"(.visible .entry k(.param .u64 p) {
    .reg .pred %p<3>; .reg .b32 %r<9>; .reg .b64 %d<9>; .reg .b128 %q;
    .shared .align 16 .b8 answer[16]; .shared .align 8 .b8 bar[8];
    ld.param.u64 %d1, [p]; mov.u32 %r1, %ctaid.x; mov.u32 %r3, 0; mbarrier.init.shared::cta.b64 [bar], 1;
    AGAIN: mul.wide.u32 %d2, %r1, 4; add.u64 %d2, %d2, %d1; red.global.add.u32 [%d2], 1; red.global.add.u32 [%d1+160], %r4;
    mbarrier.arrive.expect_tx.shared::cta.b64 _, [bar], 16;
    clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::bytes.b128 [answer], [bar];
    W: mbarrier.try_wait.parity.shared::cta.b64 %p1, [bar], %r3; @!%p1 bra W;
    xor.b32 %r3, %r3, 1; mov.u32 %r4, 1; ld.shared.b128 %q, [answer];
    clusterlaunchcontrol.query_cancel.is_canceled.pred.b128 %p2, %q;
    @!%p2 bra DONE;
    clusterlaunchcontrol.query_cancel.get_first_ctaid::x.b32.b128 %r1, %q;
    bra AGAIN;
    DONE: ret;
  })");
  std::vector<uint32_t> done(41, 0);
  EXPECT_EQ(kernel.run(40, 1, {test::at(done.data())}), CUDA_SUCCESS);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(done[i], 1u) << i;
  EXPECT_GT(done[40], 0u);  // some were taken over
}

}  // namespace
