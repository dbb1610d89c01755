// How recorded steps become chains, and what a launch of them does.
#include "device/software/driver/graph.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "device/device.h"

extern "C" const device::Driver* outboard_device(uint64_t memory_bytes);

namespace software {

Grouping grouping_of(uint32_t, uint32_t, uint32_t) { return {}; }
base::Result<std::unique_ptr<Program>> compile(std::span<const std::string>, const Allocate&) {
  return base::Error{"none"};
}

namespace {

// A graph of nothing with these dependencies.
std::vector<Chain> chains(const std::vector<std::vector<uint32_t>>& after) {
  Graph graph;
  for (const auto& before : after) graph.steps.emplace_back().after = before;
  return chains_of(graph);
}

TEST(Chains, OneLineIsOneChain) {
  auto line = chains({{}, {0}, {1}, {2}});
  ASSERT_EQ(line.size(), 1u);
  EXPECT_EQ(line[0].steps, (std::vector<uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(line[0].lane, 0u);
}

TEST(Chains, EndWherePathsForkAndJoin) {
  auto diamond = chains({{}, {0}, {0}, {1}, {2, 3}});
  ASSERT_EQ(diamond.size(), 4u);
  EXPECT_EQ(diamond[1].steps, (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(diamond[1].lane, 0u);  // behind what it waits for
  EXPECT_NE(diamond[2].lane, 0u);  // beside it
  EXPECT_EQ(diamond[3].after.size(), 2u);
}

TEST(Chains, RootsHaveLanesOfTheirOwnUpToALimit) {
  auto few = chains({{}, {}, {}});
  EXPECT_EQ(few[0].lane + few[1].lane + few[2].lane, 3u);
  auto many = chains(std::vector<std::vector<uint32_t>>(100));
  for (const Chain& chain : many) EXPECT_LT(chain.lane, 16u);
}

class Launch : public testing::Test {
 protected:
  void SetUp() override {
    driver = outboard_device(0);
    ASSERT_EQ(driver->cuInit(0), CUDA_SUCCESS);
    CUcontext context;
    ASSERT_EQ(driver->cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    ASSERT_EQ(driver->cuCtxSetCurrent(context), CUDA_SUCCESS);
    ASSERT_EQ(driver->cuStreamCreate(&recorder, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    ASSERT_EQ(driver->cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    ASSERT_EQ(driver->cuStreamBeginCapture_v2(recorder, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_SUCCESS);
  }
  // The next step comes after those.
  void after(std::vector<uint32_t> steps) {
    std::vector<CUgraphNode> nodes;
    for (uint32_t step : steps) nodes.push_back(node_of(step));
    ASSERT_EQ(driver->cuStreamUpdateCaptureDependencies(recorder, nodes.data(), nodes.size(),
                                                        CU_STREAM_SET_CAPTURE_DEPENDENCIES),
              CUDA_SUCCESS);
  }
  void note(const char* letter) {
    auto append = [](void* data) {
      std::lock_guard hold(lock);
      log += static_cast<const char*>(data);
    };
    ASSERT_EQ(driver->cuLaunchHostFunc(recorder, append, const_cast<char*>(letter)), CUDA_SUCCESS);
  }
  CUgraphExec finish() {
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    EXPECT_EQ(driver->cuStreamEndCapture(recorder, &graph), CUDA_SUCCESS);
    EXPECT_EQ(driver->cuGraphInstantiateWithFlags(&exec, graph, 0), CUDA_SUCCESS);
    EXPECT_EQ(driver->cuGraphDestroy(graph), CUDA_SUCCESS);
    return exec;
  }
  std::string taken() {
    std::lock_guard hold(lock);
    return std::exchange(log, {});
  }

  const device::Driver* driver = nullptr;
  CUstream recorder = nullptr, stream = nullptr;
  static inline std::mutex lock;
  static inline std::string log;
};

TEST_F(Launch, NothingRunsWhileItIsRecorded) {
  note("a");
  after({});
  note("b");
  CUgraphExec exec = finish();
  EXPECT_EQ(taken(), "");
  for (int i = 0; i < 3; ++i) ASSERT_EQ(driver->cuGraphLaunch(exec, stream), CUDA_SUCCESS);
  ASSERT_EQ(driver->cuStreamSynchronize(stream), CUDA_SUCCESS);
  EXPECT_EQ(taken().size(), 6u);
  EXPECT_EQ(driver->cuGraphExecDestroy(exec), CUDA_SUCCESS);
  EXPECT_EQ(driver->cuGraphLaunch(exec, stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(Launch, StepsComeAfterThoseTheyDependOn) {
  note("a");
  after({0});
  note("b");
  after({0});
  note("c");
  after({1, 2});
  note("d");
  CUgraphExec exec = finish();
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(driver->cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    ASSERT_EQ(driver->cuStreamSynchronize(stream), CUDA_SUCCESS);
    std::string order = taken();
    EXPECT_TRUE(order == "abcd" || order == "acbd") << order;
  }
}

TEST_F(Launch, CopiesReadTheirSourceAtEachLaunch) {
  CUdeviceptr memory;
  ASSERT_EQ(driver->cuMemAlloc_v2(&memory, 4), CUDA_SUCCESS);
  int source = 1, seen = 0;
  ASSERT_EQ(driver->cuMemcpyHtoDAsync_v2(memory, &source, 4, recorder), CUDA_SUCCESS);
  CUgraphExec exec = finish();
  for (source = 5; source < 8; ++source) {
    ASSERT_EQ(driver->cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    ASSERT_EQ(driver->cuStreamSynchronize(stream), CUDA_SUCCESS);
    ASSERT_EQ(driver->cuMemcpyDtoH_v2(&seen, memory, 4), CUDA_SUCCESS);
    EXPECT_EQ(seen, source);
  }
}

TEST_F(Launch, BadInputIsRefused) {
  CUgraphNode none = node_of(7);
  EXPECT_EQ(driver->cuStreamUpdateCaptureDependencies(recorder, &none, 1, CU_STREAM_SET_CAPTURE_DEPENDENCIES),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver->cuStreamBeginCapture_v2(recorder, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_ERROR_ILLEGAL_STATE);
  EXPECT_EQ(driver->cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_RELAXED),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraphNodeParams params{};
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  params.conditional.handle = 0x1000;  // no device memory
  params.conditional.size = 1;
  CUgraph graph = nullptr;
  CUstreamCaptureStatus status;
  ASSERT_EQ(driver->cuStreamGetCaptureInfo_v2(recorder, &status, nullptr, &graph, nullptr, nullptr), CUDA_SUCCESS);
  CUgraphNode made;
  EXPECT_EQ(driver->cuGraphAddNode_v2(&made, graph, nullptr, nullptr, 0, &params), CUDA_ERROR_INVALID_VALUE);
  finish();
  EXPECT_EQ(driver->cuStreamEndCapture(recorder, &graph), CUDA_ERROR_ILLEGAL_STATE);
}

}  // namespace
}  // namespace software
