// Kernels with barriers: those that run in stages (pass/stages.h), and those that must not.
#include "device/software/codegen/stages_harness.h"

namespace {

using test::at;
using test::Kernel;

using test::blocks;
using test::in_stages;
using test::run;
using test::with_shared;

// What each thread makes, turn by turn, of what its neighbour had: `next`(that, its place in the grid, in the block,
// the turn); and `last`(value, place in the block) of it in the end.
template <class Next, class Last>
void expect_turns(Kernel& kernel, uint32_t turns, Next next, Last last) {
  EXPECT_TRUE(in_stages(kernel, 64));
  for (uint32_t threads : {32u, 64u, 72u, 256u, 1000u}) {
    auto got = run(kernel, threads);
    for (uint32_t block = 0; block < blocks; ++block) {
      std::vector<uint32_t> now(threads), then(threads);
      for (uint32_t i = 0; i < threads; ++i) now[i] = 7 * (block * threads + i) + 1;
      for (uint32_t turn = 0; turn < turns; ++turn, now = then)
        for (uint32_t i = 0; i < threads; ++i) then[i] = next(now[(i + 1) % threads], block * threads + i, i, turn);
      for (uint32_t i = 0; i < threads; ++i)
        ASSERT_EQ(got[block * threads + i], last(now[i], i)) << threads << " " << i;
    }
  }
}

TEST(Stages, ALoopWithTwoBarriersPassesValuesRound) {
  Kernel kernel(with_shared(R"(
    ld.global.u32 %r20, [%d2]; mov.u32 %r12, 0;
    add.u32 %r13, %r3, 1; rem.u32 %r13, %r13, %r2; shl.b32 %r13, %r13, 2; add.u32 %r13, %r13, %r11;
    LOOP:
    st.shared.u32 [%r10], %r20;
    bar.sync 0;
    ld.shared.u32 %r14, [%r13]; mad.lo.u32 %r20, %r14, 3, %r12;
    bar.sync 0;
    add.u32 %r12, %r12, 1; setp.lt.u32 %p1, %r12, 5; @%p1 bra LOOP;)"));
  expect_turns(
      kernel, 5, [](uint32_t loaded, uint32_t, uint32_t, uint32_t turn) { return 3 * loaded + turn; },
      [](uint32_t value, uint32_t) { return value; });
}

// %t1 to %t4 are each written once, before all barriers: wanted on one of two ways, in a loop without barriers, by some
// of the lanes, and behind the loop with barriers. INNER is short enough to become code without a loop.
TEST(Stages, ValuesOfBeforeAreWantedHereAndThere) {
  Kernel kernel(with_shared(R"(
    ld.global.u32 %r20, [%d2]; mov.u32 %r12, 0;
    add.u32 %r13, %r3, 1; rem.u32 %r13, %r13, %r2; shl.b32 %r13, %r13, 2; add.u32 %t4, %r13, %r11;
    mul.lo.u32 %t1, %r3, 5; xor.b32 %t2, %r3, 9; mad.lo.u32 %t3, %r1, 3, 1;
    LOOP:
    st.shared.u32 [%r10], %r20;
    bar.sync 0;
    ld.shared.u32 %r14, [%t4]; and.b32 %t10, %r12, 1; setp.eq.u32 %p2, %t10, 0; @%p2 bra EVEN;
    add.u32 %r20, %r14, %t1; bra MEET;
    EVEN: mov.u32 %r15, 0; mov.u32 %r20, %r14;
    INNER: mad.lo.u32 %r20, %r20, 3, %t2; add.u32 %r15, %r15, 1; setp.lt.u32 %p3, %r15, 5; @%p3 bra INNER;
    MEET: setp.gt.u32 %p4, %r14, %r20; @%p4 bra LESS;
    add.u32 %r20, %r20, %t3;
    LESS: bar.sync 0;
    add.u32 %r12, %r12, 1; setp.lt.u32 %p1, %r12, 4; @%p1 bra LOOP;
    sub.u32 %r20, %r20, %t1;)"));
  expect_turns(
      kernel, 4,
      [](uint32_t loaded, uint32_t place, uint32_t i, uint32_t turn) {
        uint32_t value = turn % 2 ? loaded + 5 * i : loaded;
        for (int round = 0; turn % 2 == 0 && round < 5; ++round) value = 3 * value + (i ^ 9);
        return loaded <= value ? value + 3 * place + 1 : value;
      },
      [](uint32_t value, uint32_t i) { return value - 5 * i; });
}

// Loops of known lengths, some of which become code without a loop.
TEST(Stages, ShortLoopsGoRoundAsOftenAsLongOnes) {
  for (uint32_t rounds : {1u, 2u, 7u, 31u, 32u, 33u, 100u}) {
    Kernel kernel(
        with_shared("mov.u32 %r12, 0; mov.u32 %r20, %r3; mov.u32 %r13, %r11; st.shared.u32 [%r10], %r1; bar.sync 0;"
                    "L: ld.shared.u32 %r14, [%r13]; mad.lo.u32 %r20, %r20, 5, %r14; add.u32 %r20, %r20, %r12;"
                    "add.u32 %r13, %r13, 4; add.u32 %r12, %r12, 3; setp.lt.u32 %p1, %r12, " +
                    std::to_string(3 * rounds) + "; @%p1 bra L;"));
    auto got = run(kernel, 128);
    for (uint32_t i = 0; i < got.size(); ++i) {
      uint32_t value = i % 128;
      for (uint32_t round = 0; round < rounds; ++round) value = 5 * value + i / 128 * 128 + round + 3 * round;
      ASSERT_EQ(got[i], value) << rounds << " " << i;
    }
  }
}

// Odd blocks take one arm, even ones the other; each has a barrier of its own.
TEST(Stages, BothArmsOfABranchHaveABarrier) {
  Kernel kernel(with_shared(R"(
    mov.u32 %r12, %ctaid.x; and.b32 %r13, %r12, 1; setp.eq.u32 %p1, %r13, 0;
    sub.u32 %r15, %r2, %r3; sub.u32 %r15, %r15, 1; shl.b32 %r15, %r15, 2; add.u32 %r15, %r15, %r11;
    @%p1 bra EVEN;
    st.shared.u32 [%r10], %r3; bar.sync 1; ld.shared.u32 %r20, [%r15]; bra END;
    EVEN:
    add.u32 %r16, %r3, 1000; st.shared.u32 [%r10], %r16; bar.sync 2; ld.shared.u32 %r20, [%r15];
    END:
    bar.sync 0; add.u32 %r20, %r20, %r12;)"));
  EXPECT_TRUE(in_stages(kernel, 96));
  for (uint32_t threads : {96u, 100u}) {
    auto got = run(kernel, threads);
    for (uint32_t i = 0; i < got.size(); ++i) {
      uint32_t block = i / threads, other = threads - 1 - i % threads;
      ASSERT_EQ(got[i], other + block + (block % 2 ? 0 : 1000)) << i;
    }
  }
}

// Of 96 threads the first 40 go on: a warp is gone, and some lanes of another one.
TEST(Stages, LanesThatReturnedAreNotWaitedFor) {
  Kernel kernel(with_shared(R"(
    mov.u32 %r20, 5;
    setp.ge.u32 %p1, %r3, 40; @%p1 ret;
    st.shared.u32 [%r10], %r3; bar.sync 0;
    xor.b32 %r12, %r3, 7; shl.b32 %r12, %r12, 2; add.u32 %r12, %r12, %r11; ld.shared.u32 %r20, [%r12];
    bar.sync 0; st.shared.u32 [%r10], %r20; bar.sync 0; ld.shared.u32 %r21, [%r12]; mad.lo.u32 %r20, %r21, 100, %r20;)"));
  EXPECT_TRUE(in_stages(kernel, 96));
  auto got = run(kernel, 96);
  for (uint32_t i = 0; i < got.size(); ++i) {
    uint32_t thread = i % 96;
    ASSERT_EQ(got[i], thread < 40 ? 100 * thread + (thread ^ 7) : 7 * i + 1) << i;
  }
}

TEST(Stages, RegistersOfAllKindsAndLocalMemoryAreKept) {
  Kernel kernel(".visible .entry k(.param .u64 p)\n{ .local .align 4 .b32 mine[4]; .reg .b32 %r20;\n" +
                std::string(test::prologue) + R"(
    setp.gt.u32 %p1, %r3, 17; setp.gt.u32 %p2, %r2, 50; cvt.u16.u32 %h1, %r3; cvt.u64.u32 %d4, %r3;
    mul.lo.u64 %d4, %d4, 5000000001; cvt.rn.f64.u32 %g1, %r3; mul.wide.u32 %d5, %r3, 3;
    mov.u64 %d6, mine; st.local.u32 [%d6], %r3; st.local.u32 [%d6+4], %r2;
    bar.sync 0;
    cvt.u32.u16 %r21, %h1; cvt.rzi.u32.f64 %r22, %g1; cvt.u32.u64 %r23, %d5; shr.u64 %d4, %d4, 32;
    bar.sync 0;
    cvt.u32.u64 %r24, %d4; ld.local.u32 %r25, [%d6]; ld.local.u32 %r26, [%d6+4];
    selp.u32 %r20, 1, 0, %p1; @%p2 add.u32 %r20, %r20, 2;
    add.u32 %r20, %r20, %r21; add.u32 %r20, %r20, %r22; add.u32 %r20, %r20, %r23; add.u32 %r20, %r20, %r24;
    add.u32 %r20, %r20, %r25; add.u32 %r20, %r20, %r26;
    st.global.u32 [%d2], %r20; ret; })");
  EXPECT_TRUE(in_stages(kernel, 72));
  for (uint32_t threads : {40u, 72u}) {
    auto got = run(kernel, threads);
    for (uint64_t i = 0; i < got.size(); ++i) {
      uint64_t thread = i % threads;
      uint64_t sum = (thread > 17) + (threads > 50 ? 2 : 0) + thread * 6 + threads + (thread * 5000000001 >> 32);
      ASSERT_EQ(got[i], static_cast<uint32_t>(sum)) << threads << " " << i;
    }
  }
}

// A warp of its own barrier with a count needs warps that can wait.
TEST(Stages, BarriersOfSomeWarpsAreNoStages) {
  Kernel kernel(with_shared(R"(
    setp.lt.u32 %p1, %r3, 64; st.shared.u32 [%r10], %r3; mov.u32 %r20, 0;
    @!%p1 bra REST;
    bar.sync 1, 64; xor.b32 %r12, %r3, 33; shl.b32 %r12, %r12, 2; add.u32 %r12, %r12, %r11; ld.shared.u32 %r20, [%r12];
    REST:
    setp.gt.u32 %p2, %r20, 10; bar.red.popc.u32 %r13, 0, %p2; mad.lo.u32 %r20, %r13, 1000, %r20;)"));
  EXPECT_FALSE(in_stages(kernel, 128));
  auto got = run(kernel, 128);
  for (uint32_t i = 0; i < got.size(); ++i) {
    uint32_t thread = i % 128;
    ASSERT_EQ(got[i], 53000 + (thread < 64 ? thread ^ 33 : 0)) << i;
  }
}

TEST(Stages, WarpsAtDifferentBarriersAreDeadlocked) {
  Kernel kernel(with_shared(R"(
    mov.u32 %r20, %warpid; setp.eq.u32 %p1, %r20, 0; @%p1 bra ONE; bar.sync 2; bra END; ONE: bar.sync 1; END:)"));
  std::vector<uint32_t> data(64);
  EXPECT_EQ(kernel.run(1, 64, {at(data.data())}), CUDA_ERROR_LAUNCH_FAILED);
}

// Twenty sums per thread: more than the registers hold for 32 lanes.
TEST(Stages, ManySumsRunFewerLanesAtOnce) {
  constexpr uint32_t sums = 20, turns = 9;
  std::string start, step, end;
  for (uint32_t i = 0; i < sums; ++i) {
    auto sum = "%t" + std::to_string(i);
    start += "mov.u32 " + sum + ", " + std::to_string(i) + "; ";
    step += "mad.lo.u32 " + sum + ", " + sum + ", %r14, %r15;\n";
    end += "xor.b32 %r20, %r20, " + sum + "; ";
  }
  Kernel kernel(
      with_shared("mov.u32 %r12, 0; mov.u32 %r20, 0; xor.b32 %r13, %r3, 9; shl.b32 %r13, %r13, 2;"
                  "add.u32 %r13, %r13, %r11;" +
                  start +
                  "LOOP: add.u32 %r16, %r3, %r12; st.shared.u32 [%r10], %r16; bar.sync 0;"
                  "ld.shared.u32 %r14, [%r13]; ld.shared.u32 %r15, [%r10];" +
                  step + "bar.sync 0; add.u32 %r12, %r12, 1; setp.lt.u32 %p1, %r12, 9; @%p1 bra LOOP;" + end));
  EXPECT_TRUE(in_stages(kernel, 256));
  for (uint32_t threads : {32u, 80u, 256u, 496u}) {
    auto got = run(kernel, threads);
    for (uint32_t i = 0; i < got.size(); ++i) {
      uint32_t thread = i % threads, expected = 0;
      for (uint32_t k = 0; k < sums; ++k) {
        uint32_t sum = k;
        for (uint32_t turn = 0; turn < turns; ++turn) sum = sum * ((thread ^ 9) + turn) + thread + turn;
        expected ^= sum;
      }
      ASSERT_EQ(got[i], expected) << threads << " " << i;
    }
  }
}

// A sum by halves: with each step more warps have nothing to do and are ahead of the others. `turns` times, so that
// they must be back in time.
std::string sum_by_halves(uint32_t threads, const std::string& skips, uint32_t barrier) {
  std::string body = "mov.u32 %r12, 0; mov.u32 %r20, 0;\nTURN: add.u32 %r13, %r1, %r12; st.shared.u32 [%r10], %r13;\n";
  auto number = [](uint32_t value) { return std::to_string(value); };
  auto wait = [&](uint32_t id) { return "bar.sync " + number(id) + ";\n"; };
  for (uint32_t half = threads / 2; half > 0; half /= 2) {
    std::string skip = skips;
    for (size_t at; (at = skip.find("HALF")) != std::string::npos;) skip.replace(at, 4, number(half));
    for (size_t at; (at = skip.find("LAST")) != std::string::npos;) skip.replace(at, 4, number(half - 1));
    body += wait(half == threads / 2 ? 0
                 : half == 16        ? barrier
                                     : 0) +
            skip + " bra ON" + number(half) + ";\nld.shared.u32 %r14, [%r10]; ld.shared.u32 %r15, [%r10+" +
            number(4 * half) + "]; add.u32 %r14, %r14, %r15; st.shared.u32 [%r10], %r14;\nON" + number(half) + ": ";
  }
  return body + wait(0) + "ld.shared.u32 %r14, [%r11]; mad.lo.u32 %r20, %r20, 3, %r14;\n" + wait(0) +
         "add.u32 %r12, %r12, 1; setp.lt.u32 %p1, %r12, 3; @%p1 bra TURN; add.u32 %r20, %r20, %r3;";
}

TEST(Stages, WarpsWithNothingToDoAreAheadOfTheOthers) {
  for (const char* skips :
       {"setp.ge.u32 %p2, %r3, HALF; @%p2", "setp.gt.s32 %p2, %r3, LAST; @%p2", "setp.lt.u32 %p2, %r3, HALF; @!%p2",
        "setp.ge.u32 %p2, %r3, HALF; setp.eq.u32 %p3, %r3, 5000; or.pred %p4, %p2, %p3; @%p4"})
    for (uint32_t barrier : {0u, 3u})  // warps at a barrier of another number are not ahead
      for (uint32_t threads : {32u, 64u, 256u, 1024u}) {
        Kernel kernel(with_shared(sum_by_halves(threads, skips, barrier)));
        EXPECT_TRUE(in_stages(kernel, threads));
        auto got = run(kernel, threads);
        for (uint32_t i = 0; i < got.size(); ++i) {
          uint32_t first = i / threads * threads, sum = 0;
          for (uint32_t turn = 0; turn < 3; ++turn) {
            uint32_t all = 0;
            for (uint32_t k = 0; k < threads; ++k) all += first + k + turn;
            sum = 3 * sum + all;
          }
          ASSERT_EQ(got[i], sum + i % threads) << skips << " " << barrier << " " << threads << " " << i;
        }
      }
}

// What a stage leaves alone is where it was kept before; each register changes in another one.
TEST(Stages, RegistersThatStayAreKeptOnce) {
  Kernel kernel(with_shared(R"(
    mov.u32 %r12, 0; mov.u32 %r13, %r3; mov.u32 %r14, 1; mov.u32 %r15, 2;
    LOOP: bar.sync 0;
    and.b32 %r16, %r12, 1; setp.eq.u32 %p1, %r16, 0; @%p1 bra EVEN;
    add.u32 %r13, %r13, %r14; bar.sync 0; bra BOTH;
    EVEN: mad.lo.u32 %r14, %r14, 3, %r15; bar.sync 0; add.u32 %r15, %r15, 1;
    BOTH: bar.sync 0;
    setp.gt.u32 %p2, %r3, 20; @%p2 add.u32 %r15, %r15, %r13;
    add.u32 %r12, %r12, 1; setp.lt.u32 %p3, %r12, 7; @%p3 bra LOOP;
    xor.b32 %r20, %r13, %r14; xor.b32 %r20, %r20, %r15;)"));
  EXPECT_TRUE(in_stages(kernel, 96));
  for (uint32_t threads : {32u, 96u, 200u}) {
    auto got = run(kernel, threads);
    for (uint32_t i = 0; i < got.size(); ++i) {
      uint32_t thread = i % threads, a = thread, b = 1, c = 2;
      for (uint32_t turn = 0; turn < 7; ++turn) {
        if (turn % 2)
          a += b;
        else
          b = 3 * b + c, ++c;
        if (thread > 20) c += a;
      }
      ASSERT_EQ(got[i], a ^ b ^ c) << threads << " " << i;
    }
  }
}

// The last row of lanes ends with shared memory; a masked store must leave its neighbours alone.
TEST(Stages, StoresOfSomeLanesLeaveSharedMemoryAlone) {
  Kernel kernel(with_shared(R"(
    mul.lo.u32 %r12, %r3, 11; st.shared.u32 [%r10], %r12; bar.sync 0;
    and.b32 %r13, %r3, 5; setp.eq.u32 %p1, %r13, 4; @!%p1 bra ON; st.shared.u32 [%r10], %r3;
    ON: bar.sync 0;
    sub.u32 %r14, %r2, %r3; sub.u32 %r14, %r14, 1; shl.b32 %r14, %r14, 2; add.u32 %r14, %r14, %r11;
    ld.shared.u32 %r20, [%r14];)"));
  for (uint32_t threads : {32u, 100u, 1000u, 1024u}) {
    auto got = run(kernel, threads);
    for (uint32_t i = 0; i < got.size(); ++i) {
      uint32_t other = threads - 1 - i % threads;
      ASSERT_EQ(got[i], (other & 5) == 4 ? other : 11 * other) << threads << " " << i;
    }
  }
}

}  // namespace
