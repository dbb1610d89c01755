// Copies of graphs and graphs within graphs.
#include "check.h"

__global__ void append(int* log, int digit) { *log = *log * 10 + digit; }

cudaGraphNode_t add(cudaGraph_t graph, int* log, int digit, cudaGraphNode_t after = nullptr) {
  void* arguments[] = {&log, &digit};
  cudaKernelNodeParams params{};
  params.func = (void*)append;
  params.gridDim = params.blockDim = dim3(1);
  params.kernelParams = arguments;
  cudaGraphNode_t node;
  CHECK(cudaGraphAddKernelNode(&node, graph, after ? &after : nullptr, after ? 1 : 0, &params));
  return node;
}

int main() {
  int *log, host = 0;
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&log, 4));
  auto run = [&](cudaGraphExec_t exec) {
    CHECK(cudaMemsetAsync(log, 0, 4, stream));
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaMemcpyAsync(&host, log, 4, cudaMemcpyDeviceToHost, stream));
    CHECK(cudaStreamSynchronize(stream));
    return host;
  };
  cudaGraph_t inner, outer, clone;
  CHECK(cudaGraphCreate(&inner, 0));
  cudaGraphNode_t two = add(inner, log, 2);
  add(inner, log, 3, two);
  CHECK(cudaGraphCreate(&outer, 0));
  cudaGraphNode_t one = add(outer, log, 1), child, four;
  CHECK(cudaGraphAddChildGraphNode(&child, outer, &one, 1, inner));
  four = add(outer, log, 4, child);
  add(inner, log, 9, two);  // too late for the child: it is a copy
  cudaGraphExec_t exec, inner_exec;
  CHECK(cudaGraphInstantiate(&exec, outer, 0));
  EXPECT(run(exec) == 1234);
  std::printf("child: %d\n", host);

  // The child graph can be asked for, and changed before the next executable graph.
  cudaGraph_t embedded;
  cudaGraphNode_t roots[4], found;
  size_t count = 4;
  CHECK(cudaGraphChildGraphNodeGetGraph(child, &embedded));
  EXPECT(embedded != inner);
  CHECK(cudaGraphGetRootNodes(embedded, roots, &count));
  EXPECT(count == 1);
  CHECK(cudaGraphNodeFindInClone(&found, two, embedded));
  EXPECT(found == roots[0]);
  cudaKernelNodeParams params{};
  CHECK(cudaGraphKernelNodeGetParams(roots[0], &params));
  int seven = 7;
  void* arguments[] = {&log, &seven};
  params.kernelParams = arguments;
  CHECK(cudaGraphExecKernelNodeSetParams(exec, roots[0], &params));
  EXPECT(run(exec) == 1734);

  CHECK(cudaGraphClone(&clone, outer));
  CHECK(cudaGraphNodeFindInClone(&found, four, clone));
  EXPECT(found != four);
  int eight = 8;
  arguments[1] = &eight;
  CHECK(cudaGraphKernelNodeSetParams(found, &params));
  cudaGraphExec_t cloned;
  CHECK(cudaGraphInstantiate(&cloned, clone, 0));
  EXPECT(run(cloned) == 1238);
  EXPECT(cudaGraphNodeFindInClone(&found, found, outer) != cudaSuccess);
  cudaGetLastError();
  std::printf("clone: %d\n", host);

  // A launch that is captured is a child graph, too; a child of an executable graph can be exchanged.
  cudaGraph_t captured;
  CHECK(cudaGraphCreate(&inner, 0));
  add(inner, log, 5, add(inner, log, 6));
  CHECK(cudaGraphInstantiate(&inner_exec, inner, 0));
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  append<<<1, 1, 0, stream>>>(log, 1);
  CHECK(cudaGraphLaunch(inner_exec, stream));
  CHECK(cudaGraphLaunch(inner_exec, stream));
  CHECK(cudaStreamEndCapture(stream, &captured));
  CHECK(cudaGraphGetNodes(captured, nullptr, &count));
  EXPECT(count == 3);
  cudaGraphExec_t launched;
  CHECK(cudaGraphInstantiate(&launched, captured, 0));
  EXPECT(run(launched) == 16565);
  CHECK(cudaGraphExecChildGraphNodeSetParams(exec, child, inner));
  EXPECT(run(exec) == 1654);
  std::printf("exchanged: %d\n", host);

  // A graph becomes the child itself.
#if CUDART_VERSION >= 13000
  cudaGraphNodeParams moved{};
  moved.type = cudaGraphNodeTypeGraph;
  moved.graph.graph = inner;
  moved.graph.ownership = cudaGraphChildGraphOwnershipMove;
  CHECK(cudaGraphAddNode(&child, outer, &four, nullptr, 1, &moved));
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphInstantiate(&exec, outer, 0));
  EXPECT(run(exec) == 123465);
  EXPECT(cudaGraphDestroy(inner) != cudaSuccess);
  cudaGetLastError();
#endif
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(outer));
  std::printf("moved: %d\n", host);
}
