// Warps, barriers, faults and printf with kernels written by hand.
#include "device/software/run/block.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/log.h"
#include "device/software/run/faults.h"
#include "device/software/run/heap.h"
#include "device/software/run/pool.h"

namespace software {
namespace {

// A launch of `kernel` over `blocks` blocks of `threads` threads; `data` is its only parameter.
struct RunTest : testing::Test {
  RunTest() {
    base::set_level(base::Level::error);
    prepare_kernel_thread();
  }
  CUresult launch(KernelEntry kernel, uint32_t blocks, uint32_t threads, bool cooperative = false) {
    job.emplace();
    job->entry = kernel;
    job->blocks = blocks;
    job->cooperative = cooperative;
    job->heap = heap;
    job->launch.parameters = reinterpret_cast<const uint8_t*>(&data);
    for (int i = 0; i < 3; ++i) job->launch.grid[i] = job->launch.block[i] = 1;
    job->launch.grid[0] = blocks;
    job->launch.block[0] = threads;
    job->launch.warps = (threads + 31) / 32;
    job->launch.total_shared = 4096;
    job->launch.local_bytes = 16;
    job->launch.kernel_name = "test";
    pool.run(*job);
    return job->error;
  }
  Pool pool{4};
  Heap* heap = nullptr;
  std::optional<Job> job;
  void* data = nullptr;
};

template <class T>
T& parameter(Warp* warp) {
  return **reinterpret_cast<T* const*>(warp->launch->parameters);
}

TEST_F(RunTest, EveryWarpOfEveryBlockRunsOnce) {
  static std::atomic<uint64_t> warps, lanes;
  warps = lanes = 0;
  auto kernel = [](Warp* warp) {
    ++warps;
    lanes += static_cast<uint64_t>(__builtin_popcount(warp->lanes));
    std::memset(warp->local, 1, 32 * 16);
    std::memset(warp->shared, 1, 4096);
    EXPECT_EQ(reinterpret_cast<uint64_t>(warp->shared) % 128, 0u);
  };
  EXPECT_EQ(launch(kernel, 1000, 100), CUDA_SUCCESS);
  EXPECT_EQ(warps, 4000u);
  EXPECT_EQ(lanes, 100000u);
}

TEST_F(RunTest, TowardsTheEndAThreadTakesFewerBlocks) {
  Job many;
  many.chunk = 8, many.launch.processors = 2;
  EXPECT_EQ(many.portion(1000), 8u);
  EXPECT_EQ(many.portion(32), 4u);
  EXPECT_EQ(many.portion(7), 1u);
  many.launch.cluster_blocks = 4;  // whole clusters
  EXPECT_EQ(many.portion(1000), 8u);
  EXPECT_EQ(many.portion(60), 4u);
  EXPECT_EQ(many.portion(4), 4u);
}

TEST_F(RunTest, EveryBlockIsInOneShareAndTakenOnce) {
  for (uint32_t threads : {1u, 2u, 3u, 16u, 40u})
    for (uint64_t whole : {1u, 4u})
      for (uint64_t blocks : {4u, 8u, 100u, 1000u}) {
        Shares shares;
        shares.divide(blocks, whole, threads);
        std::vector<int> taken(blocks, 0);
        uint32_t thread = threads - 1;  // it takes its own share first, then everybody's
        while (shares.left()) {
          auto range = shares.take(thread, [&](uint64_t left) { return std::max(left / 3 / whole * whole, whole); });
          EXPECT_LT(range.first, range.end);
          EXPECT_EQ(range.first % whole, 0u);
          for (uint64_t i = range.first; i < range.end; ++i) ++taken[i];
        }
        EXPECT_EQ(shares.take(0, [](uint64_t) { return 1; }).end, 0u);
        EXPECT_TRUE(std::ranges::all_of(taken, [](int count) { return count == 1; })) << threads << " " << blocks;
      }
}

TEST_F(RunTest, BarrierOrdersWritesBeforeReads) {
  static std::atomic<int> wrong;
  wrong = 0;
  auto kernel = [](Warp* warp) {
    auto* slots = reinterpret_cast<uint32_t*>(warp->shared);
    uint32_t warps = warp->launch->warps;
    for (uint32_t round = 0; round < 50; ++round) {
      slots[warp->warp_index] = round * 100 + warp->warp_index;
      outboard_barrier(warp, 0, 0);
      uint32_t next = (warp->warp_index + 1) % warps;
      if (slots[next] != round * 100 + next) ++wrong;
      outboard_barrier(warp, 0, 0);
    }
  };
  EXPECT_EQ(launch(kernel, 64, 1024), CUDA_SUCCESS);
  EXPECT_EQ(wrong, 0);
}

TEST_F(RunTest, ExitedWarpsCountAsArrived) {
  auto kernel = [](Warp* warp) {
    if (warp->warp_index % 2) return;
    outboard_barrier(warp, 0, 0);
    if (warp->warp_index) return;
    outboard_barrier(warp, 0, 0);
  };
  EXPECT_EQ(launch(kernel, 3, 256), CUDA_SUCCESS);
}

TEST_F(RunTest, NamedBarriersPairProducersWithConsumers) {
  static std::atomic<int> wrong;
  wrong = 0;
  auto kernel = [](Warp* warp) {  // warp 0 produces, warp 1 consumes; the other two do not take part
    auto* slot = reinterpret_cast<uint32_t*>(warp->shared);
    for (uint32_t round = 1; round <= 20 && warp->warp_index < 2; ++round) {
      if (warp->warp_index == 0) {
        *slot = round;
        outboard_barrier_arrive(warp, 3, 64);
        outboard_barrier(warp, 4, 64);
      } else {
        outboard_barrier(warp, 3, 64);
        if (*slot != round) ++wrong;
        outboard_barrier_arrive(warp, 4, 64);
      }
    }
  };
  EXPECT_EQ(launch(kernel, 8, 128), CUDA_SUCCESS);
  EXPECT_EQ(wrong, 0);
}

TEST_F(RunTest, ReductionsSeeTheWholeBlock) {
  static std::atomic<int> wrong;
  wrong = 0;
  auto kernel = [](Warp* warp) {
    uint32_t predicate = warp->warp_index == 2 ? 0xf : warp->lanes;
    uint32_t count = outboard_barrier_reduce(warp, 0, 0, 0, warp->lanes, predicate);
    uint32_t all = outboard_barrier_reduce(warp, 0, 0, 1, warp->lanes, predicate);
    uint32_t any = outboard_barrier_reduce(warp, 0, 0, 2, warp->lanes, warp->warp_index == 1 ? 1 : 0);
    uint32_t none = outboard_barrier_reduce(warp, 0, 0, 2, warp->lanes, 0);
    uint32_t every = outboard_barrier_reduce(warp, 0, 0, 1, warp->lanes, warp->lanes);
    if (count != 32 * 3 + 8 + 4 - 32 || all != 0 || any != 1 || none != 0 || every != 1) ++wrong;
  };
  EXPECT_EQ(launch(kernel, 5, 32 * 3 + 8), CUDA_SUCCESS);
  EXPECT_EQ(wrong, 0);
}

TEST_F(RunTest, BarrierThatNobodyElseReachesIsAnError) {
  auto kernel = [](Warp* warp) { outboard_barrier(warp, warp->warp_index == 0 ? 1 : 2, 64); };
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch(kernel, 2, 64), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("deadlocks"), std::string::npos);
}

TEST_F(RunTest, CooperativeBlocksWaitForEachOther) {
  static std::atomic<uint32_t> arrived;
  arrived = 0;
  auto kernel = [](Warp* warp) {
    for (uint32_t round = 1; round <= 5; ++round) {
      outboard_barrier(warp, 0, 0);
      if (warp->warp_index == 0) {
        ++arrived;
        while (arrived < round * warp->launch->grid[0]) outboard_yield(warp);
      }
      outboard_barrier(warp, 0, 0);
    }
  };
  EXPECT_EQ(launch(kernel, 40, 96, true), CUDA_SUCCESS);
  EXPECT_EQ(arrived, 200u);
}

TEST_F(RunTest, BlockMayWaitForALaterOne) {
  static std::atomic<bool> last;
  last = false;
  auto kernel = [](Warp* warp) {
    if (warp->block_index[0] == warp->launch->grid[0] - 1) last = true;
    while (!last) outboard_yield(warp);
  };
  EXPECT_EQ(launch(kernel, 12, 32), CUDA_SUCCESS);
}

TEST_F(RunTest, StrayPointerIsAnIllegalAddress) {
  auto kernel = [](Warp* warp) {
    outboard_barrier(warp, 0, 0);
    if (warp->block_index[0] == 3) *reinterpret_cast<volatile int*>(0x7e8000001000) = 1;
    outboard_barrier(warp, 0, 0);
  };
  for (int i = 0; i < 3; ++i) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(launch(kernel, 20, 128), CUDA_ERROR_ILLEGAL_ADDRESS);
    std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("kernel=test address=0x7e8000001000"), std::string::npos) << log;
  }
  EXPECT_EQ(launch([](Warp* warp) { outboard_barrier(warp, 0, 0); }, 20, 128), CUDA_SUCCESS);
}

TEST_F(RunTest, EndlessRecursionIsAStackError) {
  struct Recursion {
    static uint64_t down(volatile uint64_t* above) {
      volatile uint64_t here[64] = {*above};
      return *above == 0 ? 0 : down(here) + here[1];
    }
  };
  testing::internal::CaptureStderr();
  auto kernel = [](Warp*) {
    volatile uint64_t start = 1;
    start = Recursion::down(&start);
  };
  EXPECT_EQ(launch(kernel, 1, 32), CUDA_ERROR_HARDWARE_STACK_ERROR);
  testing::internal::GetCapturedStderr();
}

TEST_F(RunTest, AssertSaysWhereAndEndsTheLaunch) {
  auto kernel = [](Warp* warp) {
    if (warp->block_index[0] == 1 && warp->warp_index == 1) outboard_assert(warp, 3, "x > 0", "a.cu", 7, "void f(int)");
    outboard_barrier(warp, 0, 0);
  };
  EXPECT_EQ(launch(kernel, 4, 64), CUDA_ERROR_ASSERT);
  EXPECT_EQ(job->complaint, "a.cu:7: void f(int): block: [1,0,0], thread: [35,0,0] Assertion `x > 0` failed.\n");
}

TEST_F(RunTest, TrapEndsTheLaunch) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch([](Warp* warp) { outboard_trap(warp, 0, "trap"); }, 40, 64), CUDA_ERROR_LAUNCH_FAILED);
  testing::internal::GetCapturedStderr();
}

TEST_F(RunTest, PrintedTextComesInTheOrderOfBlocks) {
  auto kernel = [](Warp* warp) {
    uint32_t arguments[1] = {warp->block_index[0]};
    outboard_printf(warp, 0, "block %d\n", reinterpret_cast<const uint8_t*>(arguments));
  };
  EXPECT_EQ(launch(kernel, 50, 32), CUDA_SUCCESS);
  std::string expected;
  for (int i = 0; i < 50; ++i) expected += "block " + std::to_string(i) + "\n";
  EXPECT_EQ(job->take_printed(), expected);
}

TEST_F(RunTest, KernelsAllocateAndFree) {
  auto memory = std::move(Memory::reserve(uint64_t{64} << 20).value());
  Heap the_heap(*memory, nullptr, 1 << 20);
  heap = &the_heap;
  auto kernel = [](Warp* warp) {
    auto* a = static_cast<uint32_t*>(outboard_malloc(warp, 100));
    ASSERT_NE(a, nullptr);
    std::memset(a, 1, 100);
    EXPECT_EQ(outboard_malloc(warp, 2 << 20), nullptr);
    outboard_free(warp, a);
    outboard_free(warp, nullptr);
  };
  EXPECT_EQ(launch(kernel, 100, 64), CUDA_SUCCESS);
  testing::internal::CaptureStderr();
  auto bad = [](Warp* warp) { outboard_free(warp, warp->shared); };
  EXPECT_EQ(launch(bad, 1, 32), CUDA_ERROR_ILLEGAL_ADDRESS);
  testing::internal::GetCapturedStderr();
  heap = nullptr;
}

TEST_F(RunTest, GuardedCopyRefusesWhatCannotBeTouched) {
  install_fault_handler();
  char here[16] = "abc", there[16] = "";
  EXPECT_TRUE(guarded_copy(there, here, 4));
  EXPECT_STREQ(there, "abc");
  EXPECT_FALSE(guarded_copy(there, reinterpret_cast<void*>(0x1000), 4));
  EXPECT_FALSE(guarded_copy(reinterpret_cast<void*>(0x1000), here, 4));
}

using RunDeathTest = RunTest;
TEST_F(RunDeathTest, OtherFaultsGoTheirWay) {
  install_fault_handler();
  EXPECT_DEATH(*reinterpret_cast<volatile int*>(0x1000) = 1, "");
}

// Ctrl-C in the middle of a kernel that a waiting thread runs.
TEST(BorrowedThreadTest, IsEndedBySignalsThatNobodyHandles) {
  auto run = [] {
    BorrowedThread kernels_may_run;
    kill(getpid(), SIGTERM);
    std::this_thread::sleep_for(std::chrono::seconds(10));
    _exit(0);
  };
  EXPECT_EXIT(run(), testing::KilledBySignal(SIGTERM), "");
}

TEST(BorrowedThreadTest, RunsNoHandlersOfTheProgram) {
  static std::atomic<int> handled;
  handled = 0;
  struct sigaction before, counting{};
  counting.sa_handler = [](int) { ++handled; };
  sigset_t mask, none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &mask);
  sigaction(SIGTERM, &counting, &before);
  {
    BorrowedThread kernels_may_run;
    pthread_kill(pthread_self(), SIGTERM);
    EXPECT_EQ(handled, 0);
  }
  EXPECT_EQ(handled, 1) << "it comes when the thread is the program's again";
  sigaction(SIGTERM, &before, nullptr);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace
}  // namespace software
