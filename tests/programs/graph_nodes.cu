// Graphs built node by node: their shape can be asked for and changed, parameters come back as they were given.
#include <algorithm>
#include <vector>

#include "check.h"

__global__ void scale(float* data, int n, float by) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] *= by;
}
__global__ void sum(const float* a, const float* b, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = a[i] + b[i];
}

constexpr int n = 500;

cudaKernelNodeParams kernel(void* function, void** arguments) {
  cudaKernelNodeParams params{};
  params.func = function;
  params.gridDim = dim3(4);
  params.blockDim = dim3(128);
  params.kernelParams = arguments;
  return params;
}

bool contains(const std::vector<cudaGraphNode_t>& nodes, cudaGraphNode_t wanted) {
  return std::find(nodes.begin(), nodes.end(), wanted) != nodes.end();
}

int main() {
  float *a, *b, *c;
  std::vector<float> in(n), out(n);
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&a, n * sizeof(float)));
  CHECK(cudaMalloc(&b, n * sizeof(float)));
  CHECK(cudaMalloc(&c, n * sizeof(float)));
  cudaGraph_t graph;
  cudaGraphNode_t copy_in, fill, scaled, summed, copy_out, empty;
  CHECK(cudaGraphCreate(&graph, 0));
  CHECK(cudaGraphAddMemcpyNode1D(&copy_in, graph, nullptr, 0, a, in.data(), n * sizeof(float), cudaMemcpyHostToDevice));
  cudaMemsetParams memset_params{};
  memset_params.dst = b;
  memset_params.value = 0x3f800000;  // 1.0f
  memset_params.elementSize = 4;
  memset_params.width = n;
  memset_params.height = 1;
  CHECK(cudaGraphAddMemsetNode(&fill, graph, nullptr, 0, &memset_params));
  int count = n;
  float by = 3;
  void* scale_arguments[] = {&a, &count, &by};
  cudaKernelNodeParams scale_params = kernel((void*)scale, scale_arguments);
  CHECK(cudaGraphAddKernelNode(&scaled, graph, &copy_in, 1, &scale_params));
  void* sum_arguments[] = {&a, &b, &c, &count};
  cudaKernelNodeParams sum_params = kernel((void*)sum, sum_arguments);
  cudaGraphNode_t both[] = {scaled, fill};
  CHECK(cudaGraphAddKernelNode(&summed, graph, both, 2, &sum_params));
  CHECK(cudaGraphAddMemcpyNode1D(&copy_out, graph, nullptr, 0, out.data(), c, n * sizeof(float), cudaMemcpyDeviceToHost));
  CHECK(cudaGraphAddEmptyNode(&empty, graph, &summed, 1));
#if CUDART_VERSION >= 13000
  CHECK(cudaGraphAddDependencies(graph, &empty, &copy_out, nullptr, 1));
  EXPECT(cudaGraphAddDependencies(graph, &empty, &copy_out, nullptr, 1) == cudaErrorInvalidValue);
#else
  CHECK(cudaGraphAddDependencies(graph, &empty, &copy_out, 1));
#endif
  cudaGraphNode_t twice[] = {fill, fill};
  EXPECT(cudaGraphAddEmptyNode(&empty, graph, twice, 2) == cudaErrorInvalidValue);
  cudaGetLastError();

  // Its shape.
  size_t number = 0;
  CHECK(cudaGraphGetNodes(graph, nullptr, &number));
  EXPECT(number == 6);
  number = 10;
  std::vector<cudaGraphNode_t> nodes(10);
  CHECK(cudaGraphGetRootNodes(graph, nodes.data(), &number));
  EXPECT(number == 2 && contains(nodes, copy_in) && contains(nodes, fill) && nodes[2] == nullptr);
#if CUDART_VERSION >= 13000
  number = 10;
  CHECK(cudaGraphNodeGetDependencies(summed, nodes.data(), nullptr, &number));
  EXPECT(number == 2 && nodes[0] == scaled && nodes[1] == fill);
  number = 10;
  CHECK(cudaGraphNodeGetDependentNodes(scaled, nodes.data(), nullptr, &number));
  EXPECT(number == 1 && nodes[0] == summed);
  std::vector<cudaGraphNode_t> from(10), to(10);
  number = 10;
  CHECK(cudaGraphGetEdges(graph, from.data(), to.data(), nullptr, &number));
  EXPECT(number == 5);
#endif
  cudaGraphNodeType type;
  CHECK(cudaGraphNodeGetType(fill, &type));
  EXPECT(type == cudaGraphNodeTypeMemset);

  // Its parameters.
  cudaKernelNodeParams shown{};
  CHECK(cudaGraphKernelNodeGetParams(scaled, &shown));
  EXPECT(shown.func == (void*)scale && shown.gridDim.x == 4 && shown.blockDim.x == 128);
  EXPECT(*(float**)shown.kernelParams[0] == a && *(int*)shown.kernelParams[1] == n && *(float*)shown.kernelParams[2] == 3);
  cudaMemsetParams shown_fill{};
  CHECK(cudaGraphMemsetNodeGetParams(fill, &shown_fill));
  EXPECT(shown_fill.dst == b && shown_fill.value == 0x3f800000 && shown_fill.width == n);
  cudaMemcpy3DParms shown_copy{};
  CHECK(cudaGraphMemcpyNodeGetParams(copy_in, &shown_copy));
  EXPECT(shown_copy.extent.width == n * sizeof(float) && shown_copy.srcPtr.ptr == in.data() && shown_copy.dstPtr.ptr == a);

  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < n; ++i) in[i] = float(i);
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  for (int i = 0; i < n; ++i) EXPECT(out[i] == 3.0f * i + 1);
  std::printf("built: %g\n", out[n - 1]);

  // Changed graphs are other graphs: the executable one stays as it was.
  by = 5;
  CHECK(cudaGraphKernelNodeSetParams(scaled, &scale_params));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(out[2] == 7);
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(out[2] == 11);

  // Without the node that scales, and with a circle.
  CHECK(cudaGraphDestroyNode(scaled));
  CHECK(cudaGraphExecDestroy(exec));
#if CUDART_VERSION >= 13000
  CHECK(cudaGraphAddDependencies(graph, &copy_in, &summed, nullptr, 1));
  CHECK(cudaGraphAddDependencies(graph, &copy_out, &copy_in, nullptr, 1));
  EXPECT(cudaGraphInstantiate(&exec, graph, 0) != cudaSuccess);
  cudaGetLastError();
  CHECK(cudaGraphRemoveDependencies(graph, &copy_out, &copy_in, nullptr, 1));
#endif
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(out[2] == 3);

  // A node that is switched off.
  CHECK(cudaGraphNodeSetEnabled(exec, fill, 0));
  CHECK(cudaMemset(b, 0, n * sizeof(float)));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  unsigned enabled = 1;
  CHECK(cudaGraphNodeGetEnabled(exec, fill, &enabled));
  EXPECT(out[2] == 2 && enabled == 0);
  CHECK(cudaGraphDebugDotPrint(graph, "/dev/null", 0));
  std::printf("changed: %g\n", out[n - 1]);
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  EXPECT(cudaGraphDestroy(graph) == cudaErrorInvalidValue);
}
