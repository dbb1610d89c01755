// Memory that graphs allocate and free: fixed addresses, lifetimes across launches, and what the device says about it.
#include "check.h"

__global__ void fill(int* data, int n, int value) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] = value + i;
}
__global__ void take(const int* from, int* to, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) to[i] += from[i];
}

constexpr int n = 1 << 16;
constexpr size_t bytes = n * sizeof(int);

unsigned long long figure(cudaGraphMemAttributeType which) {
  unsigned long long value = 0;
  CHECK(cudaDeviceGetGraphMemAttribute(0, which, &value));
  return value;
}

int main() {
  int* result;
  static int host[n];
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&result, bytes));
  CHECK(cudaMemset(result, 0, bytes));
  CHECK(cudaDeviceSynchronize());

  // Allocated and freed within the graph; the second allocation takes the place of the first.
  int *first, *second;
  cudaGraph_t graph;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaMallocAsync(&first, bytes, stream));
  fill<<<n / 256, 256, 0, stream>>>(first, n, 1);
  take<<<n / 256, 256, 0, stream>>>(first, result, n);
  CHECK(cudaFreeAsync(first, stream));
  CHECK(cudaMallocAsync(&second, bytes, stream));
  fill<<<n / 256, 256, 0, stream>>>(second, n, 100);
  take<<<n / 256, 256, 0, stream>>>(second, result, n);
  CHECK(cudaFreeAsync(second, stream));
  CHECK(cudaStreamEndCapture(stream, &graph));
  EXPECT(first == second);
  size_t count = 0;
  CHECK(cudaGraphGetNodes(graph, nullptr, &count));
  EXPECT(count == 8);
  cudaGraphExec_t exec, again;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  EXPECT(cudaGraphInstantiate(&again, graph, 0) != cudaSuccess);  // one at a time
  cudaGraph_t clone;
  EXPECT(cudaGraphClone(&clone, graph) != cudaSuccess);
  cudaGetLastError();
  for (int i = 0; i < 3; ++i) CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaMemcpyAsync(host, result, bytes, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaStreamSynchronize(stream));
  for (int i = 0; i < n; ++i) EXPECT(host[i] == 3 * (101 + 2 * i));
  EXPECT(figure(cudaGraphMemAttrUsedMemCurrent) == 0 && figure(cudaGraphMemAttrUsedMemHigh) >= bytes);
  EXPECT(figure(cudaGraphMemAttrReservedMemCurrent) >= bytes);
  CHECK(cudaDeviceGraphMemTrim(0));
  EXPECT(figure(cudaGraphMemAttrReservedMemCurrent) == 0);
  std::printf("within: %d\n", host[n - 1]);
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));

  // Left behind by a launch: the program frees it, then a launch may come again.
  cudaGraphNode_t allocation, node;
  cudaMemAllocNodeParams params{};
  params.poolProps.allocType = cudaMemAllocationTypePinned;
  params.poolProps.location = {cudaMemLocationTypeDevice, 0};
  params.bytesize = bytes;
  CHECK(cudaGraphCreate(&graph, 0));
  CHECK(cudaGraphAddMemAllocNode(&allocation, graph, nullptr, 0, &params));
  int* kept = static_cast<int*>(params.dptr);
  cudaMemsetParams memset_params{};
  memset_params.dst = kept;
  memset_params.value = 5;
  memset_params.elementSize = 4;
  memset_params.width = n;
  memset_params.height = 1;
  CHECK(cudaGraphAddMemsetNode(&node, graph, &allocation, 1, &memset_params));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphLaunch(exec, stream));
  EXPECT(cudaGraphLaunch(exec, stream) == cudaErrorInvalidValue);  // it is still allocated
  cudaGetLastError();
  CHECK(cudaMemcpyAsync(host, kept, bytes, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaFreeAsync(kept, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(host[0] == 5 && host[n - 1] == 5);
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaFree(kept));
  EXPECT(cudaFree(kept) == cudaErrorInvalidValue);
  cudaGetLastError();

  // Freed by another graph.
  cudaGraph_t freeing;
  cudaGraphExec_t freeing_exec;
  CHECK(cudaGraphCreate(&freeing, 0));
  CHECK(cudaGraphAddMemFreeNode(&node, freeing, nullptr, 0, kept));
  EXPECT(cudaGraphAddMemFreeNode(&node, graph, &allocation, 1, kept) == cudaErrorInvalidValue);
  cudaGetLastError();
  CHECK(cudaGraphInstantiate(&freeing_exec, freeing, 0));
  CHECK(cudaGraphLaunch(exec, stream));
  EXPECT(figure(cudaGraphMemAttrUsedMemCurrent) == bytes);
  CHECK(cudaGraphLaunch(freeing_exec, stream));
  EXPECT(figure(cudaGraphMemAttrUsedMemCurrent) == 0);
  CHECK(cudaGraphExecDestroy(exec));

  // Freed by the next launch.
  CHECK(cudaGraphInstantiateWithFlags(&exec, graph, cudaGraphInstantiateFlagAutoFreeOnLaunch));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaMemcpy(host, kept, bytes, cudaMemcpyDeviceToHost));  // still there: nobody has freed it
  EXPECT(host[7] == 5);
  CHECK(cudaFree(kept));
  std::printf("left behind: %d\n", host[7]);
}
