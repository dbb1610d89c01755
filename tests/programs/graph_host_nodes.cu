// Host functions in graphs run in their turn, see what came before them, and keep what they use alive.
#include <atomic>
#include <chrono>
#include <thread>

#include "check.h"

__global__ void add(int* data, int value) { *data += value; }

struct Step {
  int *seen, *next;
};
void relay(void* data) {
  auto* step = static_cast<Step*>(data);
  *step->next = *step->seen * 10;
}
std::atomic<int> destroyed{0};
void destroy(void* data) { destroyed += *static_cast<int*>(data); }

int main() {
  int *device, seen = 0, next = 0, result = 0;
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&device, 4));
  CHECK(cudaMemset(device, 0, 4));
  Step step{&seen, &next};
  cudaGraph_t graph;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  add<<<1, 1, 0, stream>>>(device, 4);
  CHECK(cudaMemcpyAsync(&seen, device, 4, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaLaunchHostFunc(stream, relay, &step));
  CHECK(cudaMemcpyAsync(device, &next, 4, cudaMemcpyHostToDevice, stream));  // what the function has just written
  add<<<1, 1, 0, stream>>>(device, 1);
  CHECK(cudaMemcpyAsync(&result, device, 4, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaStreamEndCapture(stream, &graph));
  int one = 1, ten = 10;
  cudaUserObject_t object, kept;
  CHECK(cudaUserObjectCreate(&object, &one, destroy, 1, cudaUserObjectNoDestructorSync));
  CHECK(cudaGraphRetainUserObject(graph, object, 1, cudaGraphUserObjectMove));
  CHECK(cudaUserObjectCreate(&kept, &ten, destroy, 2, cudaUserObjectNoDestructorSync));
  CHECK(cudaGraphRetainUserObject(graph, kept, 1, 0));
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphDestroy(graph));
  int wanted = 0;
  for (int round = 0; round < 20; ++round) {
    CHECK(cudaGraphLaunch(exec, stream));
    if (round % 3 == 0) CHECK(cudaStreamSynchronize(stream));
    wanted = (wanted + 4) % 100000 * 10 + 1;
    if (round % 3 == 0) EXPECT(result == wanted);
    if (round % 4 != 3) continue;
    CHECK(cudaMemsetAsync(device, 0, 4, stream));
    wanted = 0;
  }
  CHECK(cudaStreamSynchronize(stream));
  std::printf("relayed: %d %d\n", seen, next);
  EXPECT(destroyed == 0);
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaGraphExecDestroy(exec));  // it may still run
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(result == 41);
  for (int wait = 0; wait < 1000 && destroyed == 0; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT(destroyed == 1);
  CHECK(cudaUserObjectRelease(kept, 2));
  for (int wait = 0; wait < 1000 && destroyed == 1; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT(destroyed == 11);
  std::printf("destroyed: %d\n", destroyed.load());

  // Two functions beside each other and one after both.
  static std::atomic<int> left{0}, right{0}, both{0};
  cudaGraphNode_t nodes[2], join;
  cudaHostNodeParams params{};
  CHECK(cudaGraphCreate(&graph, 0));
  params.fn = [](void*) { ++left; };
  CHECK(cudaGraphAddHostNode(&nodes[0], graph, nullptr, 0, &params));
  params.fn = [](void*) { ++right; };
  CHECK(cudaGraphAddHostNode(&nodes[1], graph, nullptr, 0, &params));
  params.fn = [](void*) { both = left * 100 + right; };
  CHECK(cudaGraphAddHostNode(&join, graph, nodes, 2, &params));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < 5; ++i) CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(both == 505);
  params.fn = [](void*) { left += 10; };
  CHECK(cudaGraphExecHostNodeSetParams(exec, nodes[0], &params));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(both == 1506);
  std::printf("both: %d\n", both.load());
}
