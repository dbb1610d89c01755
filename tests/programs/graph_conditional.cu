// Conditional nodes: kernels decide what of a graph runs, and how often.
#include "check.h"

__global__ void decide(cudaGraphConditionalHandle handle, const int* value) { cudaGraphSetConditional(handle, *value); }
__global__ void count_down(cudaGraphConditionalHandle handle, int* left, int* rounds) {
  ++*rounds;
  cudaGraphSetConditional(handle, --*left > 0);
}
__global__ void add(int* data, int value) { *data += value; }

cudaStream_t stream;
int *value, *result;

void launch(cudaGraph_t graph, int decision, int wanted) {
  cudaGraphExec_t exec;
  int host = -1;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < 2; ++i) {
    CHECK(cudaMemcpyAsync(value, &decision, sizeof(int), cudaMemcpyHostToDevice, stream));
    CHECK(cudaMemsetAsync(result, 0, sizeof(int), stream));
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaMemcpyAsync(&host, result, sizeof(int), cudaMemcpyDeviceToHost, stream));
    CHECK(cudaStreamSynchronize(stream));
    EXPECT(host == wanted);
  }
  CHECK(cudaGraphExecDestroy(exec));
  std::printf("%d: %d\n", decision, host);
}

// A kernel node that decides, and the conditional node after it.
cudaGraph_t* conditional(cudaGraph_t graph, cudaGraphConditionalHandle handle, cudaGraphConditionalNodeType type,
                         unsigned bodies, bool decides = true) {
  cudaGraphNode_t node = nullptr, condition;
  void* arguments[] = {&handle, &value};
  cudaGraphNodeParams params{};
  params.type = cudaGraphNodeTypeKernel;
  params.kernel.func = (void*)decide;
  params.kernel.gridDim = params.kernel.blockDim = dim3(1);
  params.kernel.kernelParams = arguments;
  if (decides) CHECK(cudaGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));
  params = {};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = handle;
  params.conditional.type = type;
  params.conditional.size = bodies;
  CHECK(cudaGraphAddNode(&condition, graph, decides ? &node : nullptr, nullptr, decides ? 1 : 0, &params));
  return params.conditional.phGraph_out;
}

void add_to(cudaGraph_t body, int amount) {
  CHECK(cudaStreamBeginCaptureToGraph(stream, body, nullptr, nullptr, 0, cudaStreamCaptureModeRelaxed));
  add<<<1, 1, 0, stream>>>(result, amount);
  CHECK(cudaStreamEndCapture(stream, nullptr));
}

int main() {
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&value, sizeof(int)));
  CHECK(cudaMalloc(&result, sizeof(int)));
  cudaGraph_t graph, *bodies;
  cudaGraphConditionalHandle handle, inner;

  CHECK(cudaGraphCreate(&graph, 0));
  CHECK(cudaGraphConditionalHandleCreate(&handle, graph, 0, 0));
  bodies = conditional(graph, handle, cudaGraphCondTypeIf, 2);
  add_to(bodies[0], 11);
  add_to(bodies[1], 22);
  launch(graph, 1, 11);
  launch(graph, 0, 22);
  CHECK(cudaGraphDestroy(graph));

  CHECK(cudaGraphCreate(&graph, 0));
  CHECK(cudaGraphConditionalHandleCreate(&handle, graph, 0, 0));
  bodies = conditional(graph, handle, cudaGraphCondTypeSwitch, 4);
  for (int i = 0; i < 4; ++i) add_to(bodies[i], 100 + i);
  launch(graph, 0, 100);
  launch(graph, 3, 103);
  launch(graph, 4, 0);  // none
  CHECK(cudaGraphDestroy(graph));

  // A loop that begins with its default value, with a condition in it.
  CHECK(cudaGraphCreate(&graph, 0));
  CHECK(cudaGraphConditionalHandleCreate(&handle, graph, 1, cudaGraphCondAssignDefault));
  bodies = conditional(graph, handle, cudaGraphCondTypeWhile, 1, false);
  cudaGraph_t loop = bodies[0];
  CHECK(cudaGraphConditionalHandleCreate(&inner, graph, 0, 0));
  cudaGraph_t* sometimes = conditional(loop, inner, cudaGraphCondTypeIf, 1);
  add_to(sometimes[0], 1000);
  cudaGraphNode_t nodes[2], last;
  size_t count = 2;
  CHECK(cudaGraphGetNodes(loop, nodes, &count));
  CHECK(cudaStreamBeginCaptureToGraph(stream, loop, &nodes[1], nullptr, 1, cudaStreamCaptureModeRelaxed));
  count_down<<<1, 1, 0, stream>>>(handle, value, result);
  CHECK(cudaStreamEndCapture(stream, nullptr));
  (void)last;
  launch(graph, 10, 10010);
  launch(graph, 1, 1001);

  // What cannot be.
  cudaGraphExec_t exec;
  cudaGraphConditionalHandle unused;
  CHECK(cudaGraphConditionalHandleCreate(&unused, graph, 0, 0));
  EXPECT(cudaGraphInstantiate(&exec, graph, 0) != cudaSuccess);
  cudaGetLastError();
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaGraphCreate(&graph, 0));
  cudaGraphNodeParams params{};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = handle;  // of a graph that is gone
  params.conditional.type = cudaGraphCondTypeIf;
  params.conditional.size = 1;
  EXPECT(cudaGraphAddNode(&last, graph, nullptr, nullptr, 0, &params) == cudaErrorInvalidValue);
}
