// Products of matrices in shared memory, read with ldmatrix and multiplied with mma, against a plain product; copies
// with cp.async.
#include <array>
#include <cstring>

#include "device/software/codegen/kernel_harness.h"

namespace {

using namespace test;

uint16_t half(float value) {
  auto narrow = static_cast<_Float16>(value);
  uint16_t bits;
  std::memcpy(&bits, &narrow, sizeof bits);
  return bits;
}

// D (16 x 8, f32) = A (16 x 16, f16, by rows) * B (16 x 8, f16, by rows) + 1. One warp; A and B come by cp.async.
const char* const half_product = R"(
  .shared .align 16 .b8 a[512];
  .shared .align 16 .b8 b[256];
  .visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pd)
  { .reg .b32 %r<32>; .reg .b64 %d<12>; .reg .f32 %f<9>;
    ld.param.u64 %d1, [pa]; ld.param.u64 %d2, [pb]; ld.param.u64 %d3, [pd];
    mov.u32 %r1, %tid.x; mul.wide.u32 %d4, %r1, 16; add.s64 %d5, %d1, %d4; mul.wide.u32 %d6, %r1, 8; add.s64 %d7, %d2, %d6;
    mov.u32 %r2, a; mov.u32 %r3, b; shl.b32 %r4, %r1, 4; add.s32 %r5, %r2, %r4; shl.b32 %r6, %r1, 3; add.s32 %r7, %r3, %r6;
    cp.async.cg.shared.global.L2::128B [%r5], [%d5], 16; cp.async.ca.shared.global [%r7], [%d7], 8;
    cp.async.commit_group; cp.async.wait_group 0; bar.sync 0;
    // rows 0..7 and 8..15 of the left half, then of the right half
    and.b32 %r8, %r1, 15; shl.b32 %r8, %r8, 5; shr.u32 %r9, %r1, 4; shl.b32 %r9, %r9, 4; add.s32 %r8, %r8, %r9; add.s32 %r8, %r8, %r2;
    ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r8];
    and.b32 %r14, %r1, 15; shl.b32 %r14, %r14, 4; add.s32 %r14, %r14, %r3;
    ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r15, %r16}, [%r14];
    mov.f32 %f1, 0f3F800000;
    mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f5, %f6, %f7, %f8}, {%r10, %r11, %r12, %r13}, {%r15, %r16}, {%f1, %f1, %f1, %f1};
    shr.u32 %r17, %r1, 2; shl.b32 %r17, %r17, 3; and.b32 %r18, %r1, 3; shl.b32 %r18, %r18, 1; add.s32 %r17, %r17, %r18;
    mul.wide.u32 %d8, %r17, 4; add.s64 %d9, %d3, %d8; st.global.v2.f32 [%d9], {%f5, %f6}; st.global.v2.f32 [%d9+256], {%f7, %f8};
    ret; })";

TEST(matrix, a_product_of_halves_through_ldmatrix) {
  Kernel kernel(half_product);
  std::vector<uint16_t> a(256), b(128);
  std::vector<float> fa(256), fb(128), d(128);
  for (int i = 0; i < 256; ++i) a[i] = half(fa[i] = static_cast<float>(i * 7 % 23 - 11));
  for (int i = 0; i < 128; ++i) b[i] = half(fb[i] = static_cast<float>(i * 5 % 17) / 4);
  ASSERT_EQ(kernel.run(1, 32, {at(a.data()), at(b.data()), at(d.data())}), CUDA_SUCCESS);
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      float sum = 1;
      for (int k = 0; k < 16; ++k) sum += fa[16 * row + k] * fb[8 * k + column];
      ASSERT_EQ(d[8 * row + column], sum) << row << " " << column;
    }
}

// D (16 x 8, s32) = A (16 x 32, s8, by rows) * B (32 x 8, s8, by columns): fragments read word by word.
TEST(matrix, a_product_of_bytes) {
  Kernel kernel(R"(.visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pd)
  { .reg .b32 %r<32>; .reg .b64 %d<12>;
    ld.param.u64 %d1, [pa]; ld.param.u64 %d2, [pb]; ld.param.u64 %d3, [pd]; mov.u32 %r1, %tid.x;
    shr.u32 %r2, %r1, 2; and.b32 %r3, %r1, 3; shl.b32 %r4, %r2, 5; shl.b32 %r5, %r3, 2; add.s32 %r4, %r4, %r5;
    cvt.u64.u32 %d4, %r4; add.s64 %d5, %d1, %d4; add.s64 %d6, %d2, %d4;
    ld.global.u32 %r10, [%d5]; ld.global.u32 %r11, [%d5+256]; ld.global.u32 %r12, [%d5+16]; ld.global.u32 %r13, [%d5+272];
    ld.global.u32 %r14, [%d6]; ld.global.u32 %r15, [%d6+16]; mov.u32 %r16, 0;
    mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.s8.s32 {%r20, %r21, %r22, %r23}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%r16, %r16, %r16, %r16};
    shl.b32 %r17, %r2, 3; shl.b32 %r18, %r3, 1; add.s32 %r17, %r17, %r18; mul.wide.u32 %d8, %r17, 4; add.s64 %d9, %d3, %d8;
    st.global.v2.u32 [%d9], {%r20, %r21}; st.global.v2.u32 [%d9+256], {%r22, %r23}; ret; })");
  std::array<int8_t, 512> a;
  std::array<int8_t, 256> b;
  std::array<int32_t, 128> d;
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<int8_t>(i * 37);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<int8_t>(i * 91 + 5);
  ASSERT_EQ(kernel.run(1, 32, {at(a.data()), at(b.data()), at(d.data())}), CUDA_SUCCESS);
  for (size_t row = 0; row < 16; ++row)
    for (size_t column = 0; column < 8; ++column) {
      int32_t sum = 0;
      for (size_t k = 0; k < 32; ++k) sum += a[32 * row + k] * b[32 * column + k];
      ASSERT_EQ(d[8 * row + column], sum) << row << " " << column;
    }
}

TEST(matrix, movmatrix_transposes) {
  Kernel kernel(
      one("ld.global.u32 %r4, [%d2]; movmatrix.sync.aligned.m8n8.trans.b16 %r5, %r4; st.global.u32 [%d2], %r5;"));
  std::array<uint16_t, 64> data;
  for (size_t i = 0; i < 64; ++i) data[i] = static_cast<uint16_t>(i);
  ASSERT_EQ(kernel.run(1, 32, {at(data.data())}), CUDA_SUCCESS);
  for (size_t i = 0; i < 64; ++i) ASSERT_EQ(data[i], i % 8 * 8 + i / 8) << i;
}

TEST(matrix, a_copy_past_its_source_is_zero) {
  Kernel kernel(".shared .align 16 .b8 room[512];\n" +
                one(R"(mov.u32 %r4, room; shl.b32 %r5, %r3, 4; add.s32 %r5, %r5, %r4;
    mul.wide.u32 %d4, %r3, 16; add.s64 %d5, %d1, %d4; and.b32 %r6, %r3, 15; cp.async.cg.shared.global [%r5], [%d5], 16, %r6; cp.async.wait_all;
    ld.shared.v4.u32 {%r8, %r9, %r10, %r11}, [%r5]; st.global.v4.u32 [%d5], {%r8, %r9, %r10, %r11};)"));
  std::array<uint8_t, 512> data;
  data.fill(9);
  ASSERT_EQ(kernel.run(1, 32, {at(data.data())}), CUDA_SUCCESS);
  for (size_t i = 0; i < 512; ++i) ASSERT_EQ(data[i], i % 16 < i / 16 % 16 ? 9 : 0) << i;
}

}  // namespace
