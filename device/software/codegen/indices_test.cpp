// Thread indices that are taken apart, as in `at / 16` and `at % 16`: what the analyses know about them (pass/bounds.h)
// must hold for every shape of block.
#include <bit>

#include "device/software/codegen/kernel_harness.h"

namespace {

using test::at;
using test::Kernel;

constexpr int32_t wide = 16, narrow = 64;

// %r20 becomes the quotient times 1000 plus the remainder of %r12, as nvcc has them for numbers with a sign.
std::string taken_apart(int32_t divisor, const std::string& result) {
  auto bits = std::to_string(std::countr_zero(static_cast<uint32_t>(divisor)));
  auto rest = std::to_string(32 - std::countr_zero(static_cast<uint32_t>(divisor)));
  return "shr.s32 %t0, %r12, 31; shr.u32 %t1, %t0, " + rest + "; add.s32 %t2, %r12, %t1; shr.s32 %t3, %t2, " + bits +
         "; and.b32 %t4, %t2, -" + std::to_string(divisor) + "; sub.s32 %t5, %r12, %t4; mad.lo.s32 " + result +
         ", %t3, 1000, %t5;\n";
}

// Registers are each written once, as nvcc writes them: every use has names of its own.
std::string renamed(std::string text, const std::string& suffix) {
  for (size_t i = 0; (i = text.find("%t", i)) != std::string::npos; i += 2 + suffix.size()) text.insert(i + 2, suffix);
  return text;
}

int32_t expected(int32_t value, int32_t divisor) { return value / divisor * 1000 + value % divisor; }

TEST(Indices, QuotientsAndRemaindersOfThreadsAreRight) {
  struct Extent {
    uint32_t x, y;
  };
  for (int32_t offset : {0, 256, -40, 7}) {
    Kernel kernel(
        ".visible .entry k(.param .u64 p)\n{ .reg .b32 %ta<8>; .reg .b32 %tb<8>;\n" + std::string(test::prologue) +
        "mov.u32 %r10, %tid.y; mad.lo.s32 %r11, %r10, %r2, %r3; add.s32 %r12, %r11, " + std::to_string(offset) + ";\n" +
        renamed(taken_apart(wide, "%r20"), "a") + renamed(taken_apart(narrow, "%r21"), "b") +
        "mul.wide.s32 %d5, %r11, 8; add.s64 %d6, %d1, %d5; st.global.u32 [%d6], %r20;"
        "st.global.u32 [%d6+4], %r21; ret; }");
    for (Extent block : {Extent{16, 16}, {8, 32}, {32, 8}, {256, 1}, {64, 2}, {16, 64}, {40, 3}, {8, 4}}) {
      uint32_t threads = block.x * block.y;
      std::vector<int32_t> data(2 * threads, -1);
      ASSERT_EQ(kernel.run(1, block.x, {at(data.data())}, block.y), CUDA_SUCCESS);
      for (uint32_t i = 0; i < threads; ++i) {
        auto value = static_cast<int32_t>(i) + offset;
        ASSERT_EQ(data[2 * i], expected(value, wide)) << block.x << " x " << block.y << ", " << i << ", " << offset;
        ASSERT_EQ(data[2 * i + 1], expected(value, narrow)) << block.x << " x " << block.y << ", " << i;
      }
    }
  }
}

// Indices of 32 bits that become 64 bits wide and go round at any lane of a warp, or at none.
TEST(Indices, WideIndicesGoRoundWhereTheyDo) {
  constexpr int64_t signed_end = int64_t{1} << 31, unsigned_end = int64_t{1} << 32;
  for (int32_t step : {1, 3, -1, -5})
    for (bool is_signed : {true, false}) {
      Kernel kernel(".visible .entry k(.param .u64 p)\n{\n" + std::string(test::prologue) +
                    "ld.global.u32 %r4, [%d1]; mad.lo.s32 %r5, %r3, " + std::to_string(step) + ", %r4; mul.wide." +
                    (is_signed ? "s" : "u") +
                    "32 %d4, %r5, 4; mul.wide.s32 %d5, %r1, 8; add.s64 %d6, %d1, %d5;"
                    "st.global.u64 [%d6+8], %d4; ret; }");
      for (int64_t end : {int64_t{0}, signed_end, unsigned_end})
        for (int64_t before : {0, 1, 2, 4, 16, 31, 32, 33, 93, 94, 155, 156, 157, 400, -1, -31, -155, -400}) {
          std::vector<int64_t> data(65, 0);
          data[0] = static_cast<uint32_t>(end - before);
          ASSERT_EQ(kernel.run(1, 64, {at(data.data())}), CUDA_SUCCESS);
          for (int32_t i = 0; i < 64; ++i) {
            auto index = static_cast<uint32_t>(end - before + i * step);
            int64_t wide = is_signed ? int64_t{static_cast<int32_t>(index)} : int64_t{index};
            ASSERT_EQ(data[1 + static_cast<size_t>(i)], 4 * wide) << step << " " << end - before << " " << i;
          }
        }
    }
}

// The transposed store of a matrix product in shared memory: columns of what was read in rows.
TEST(Indices, TransposedRowsInSharedMemory) {
  Kernel kernel(".visible .entry k(.param .u64 p)\n{ .shared .align 4 .b32 s[1024]; .reg .b32 %t<32>;\n" +
                std::string(test::prologue) + R"(
    mov.u32 %t0, %tid.y; shl.b32 %t1, %t0, 4; add.s32 %t2, %t1, %r3;
    shr.u32 %t3, %t2, 4; and.b32 %t4, %t2, 15;
    shl.b32 %t5, %t4, 6; shl.b32 %t6, %t3, 2; mov.u32 %t7, s; add.s32 %t8, %t7, %t5; add.s32 %t9, %t8, %t6;
    mul.lo.s32 %t10, %t2, 17; st.shared.u32 [%t9], %t10;
    bar.sync 0;
    shl.b32 %t11, %t2, 2; add.s32 %t12, %t7, %t11; ld.shared.u32 %t13, [%t12];
    mul.wide.s32 %d5, %t2, 4; add.s64 %d6, %d1, %d5; st.global.u32 [%d6], %t13; ret; })");
  std::vector<uint32_t> data(256);
  ASSERT_EQ(kernel.run(1, 16, {at(data.data())}, 16), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 256; ++i) ASSERT_EQ(data[i], 17 * (i % 16 * 16 + i / 16)) << i;
}

}  // namespace
