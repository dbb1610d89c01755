// Branches that are decided by the first and the last lane (emit_foresight.cpp), against every lane's own comparison.
#include <array>

#include "device/software/codegen/kernel_harness.h"

namespace {

using test::at;
using test::Kernel;

constexpr uint32_t threads = 72;
constexpr std::array<uint32_t, 5> offsets{0, 5, 0x7ffffff0, 0x80000000, 0xffffffe8};
constexpr std::array<uint32_t, 11> bounds{0, 1, 16, 31, 32, 40, 71, 0x7fffffff, 0x80000000, 0x80000010, 0xffffffff};

// Thread + a is compared with b by `comparison`, which writes %p1; an element becomes 1 where the branch is taken.
std::string branching(const std::string& comparison, const std::string& guard) {
  return ".visible .entry k(.param .u64 p, .param .u64 a, .param .u64 b)\n{ .reg .b32 %a, %b; .reg .pred %q<4>;\n" +
         std::string(test::prologue) +
         "ld.param.u32 %a, [a]; ld.param.u32 %b, [b]; add.u32 %a, %r3, %a; mov.u32 %r5, 2;\n" + comparison + "\n@" +
         guard + " bra TAKEN; bra END; TAKEN: mov.u32 %r5, 1; END: st.global.u32 [%d2], %r5; ret; }";
}

template <class Taken>
void check(const std::string& comparison, const std::string& guard, const Taken& taken) {
  Kernel kernel(branching(comparison, guard));
  for (uint32_t offset : offsets)
    for (uint32_t bound : bounds) {
      std::vector<uint32_t> data(threads);
      ASSERT_EQ(kernel.run(1, threads, {at(data.data()), offset, bound}), CUDA_SUCCESS);
      for (uint32_t i = 0; i < threads; ++i)
        ASSERT_EQ(data[i], taken(i + offset, bound, i) ? 1u : 2u)
            << comparison << " thread " << i << " + " << offset << ", " << bound;
    }
}

template <class Word>
bool holds(const std::string& how, Word a, Word b) {
  if (how == "eq") return a == b;
  if (how == "ne") return a != b;
  if (how == "lt") return a < b;
  if (how == "le") return a <= b;
  return how == "gt" ? a > b : a >= b;
}

TEST(Foresight, ComparisonsGoLaneByLaneWhateverWraps) {
  for (const char* how : {"eq", "ne", "lt", "le", "gt", "ge"}) {
    std::string word = std::string("setp.") + how;
    check(word + ".u32 %p1, %a, %b;", "%p1", [&](uint32_t a, uint32_t b, uint32_t) { return holds(how, a, b); });
    check(word + ".s32 %p1, %a, %b;", "!%p1", [&](uint32_t a, uint32_t b, uint32_t) {
      return !holds(how, static_cast<int32_t>(a), static_cast<int32_t>(b));
    });
  }
}

TEST(Foresight, OneOfTwoComparisonsMayDecide) {
  std::string two = "setp.lt.u32 %q1, %a, %b; setp.gt.s32 %q2, %r3, 40; ";
  check(two + "or.pred %p1, %q1, %q2;", "%p1",
        [](uint32_t a, uint32_t b, uint32_t thread) { return a < b || thread > 40; });
  check(two + "and.pred %p1, %q1, %q2;", "!%p1",
        [](uint32_t a, uint32_t b, uint32_t thread) { return !(a < b && thread > 40); });
  check(two + "setp.eq.u32 %q3, %b, 32; or.pred %q2, %q2, %q3; and.pred %p1, !%q1, %q2;", "%p1",
        [](uint32_t a, uint32_t b, uint32_t thread) { return a >= b && (thread > 40 || b == 32); });
}

// What was compared is no longer there when the branch comes.
TEST(Foresight, ALaterValueDecidesNothing) {
  check("setp.lt.u32 %p1, %a, %b; add.u32 %a, %a, 1000; mov.u32 %b, 3;", "%p1",
        [](uint32_t a, uint32_t b, uint32_t) { return a < b; });
}

}  // namespace
