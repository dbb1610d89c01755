// Executable graphs whose parameters change: node by node, and from another graph of the same shape.
#include "check.h"

__global__ void set(int* data, int value) { data[threadIdx.x] = value; }
__global__ void twice(int* data) { data[threadIdx.x] *= 2; }

cudaGraph_t captured(cudaStream_t stream, int* data, int value, int length, bool more = false) {
  cudaGraph_t graph;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  set<<<1, length, 0, stream>>>(data, value);
  twice<<<1, length, 0, stream>>>(data);
  if (more) twice<<<1, length, 0, stream>>>(data);
  CHECK(cudaStreamEndCapture(stream, &graph));
  return graph;
}

int main() {
  int *data, host[8] = {}, in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8] = {};
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&data, sizeof host));
  CHECK(cudaMemset(data, 0, sizeof host));
  cudaGraph_t graph = captured(stream, data, 10, 8);
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  auto run = [&] {
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaMemcpyAsync(host, data, sizeof host, cudaMemcpyDeviceToHost, stream));
    CHECK(cudaStreamSynchronize(stream));
    return host[0];
  };
  EXPECT(run() == 20);

  // From a graph of the same shape; launches that are under way do not change.
  cudaGraphExecUpdateResultInfo info;
  for (int i = 0; i < 10; ++i) {
    cudaGraph_t next = captured(stream, data, i, 8);
    CHECK(cudaGraphExecUpdate(exec, next, &info));
    EXPECT(info.result == cudaGraphExecUpdateSuccess);
    CHECK(cudaGraphDestroy(next));
    EXPECT(run() == 2 * i);
  }
  cudaGraph_t other = captured(stream, data, 1, 8, true);
  EXPECT(cudaGraphExecUpdate(exec, other, &info) == cudaErrorGraphExecUpdateFailure);
  EXPECT(info.result == cudaGraphExecUpdateErrorTopologyChanged && info.errorNode == nullptr);
  cudaGetLastError();
  CHECK(cudaGraphDestroy(other));
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaMemsetAsync(data, 0, 4, stream));
  twice<<<1, 8, 0, stream>>>(data);
  CHECK(cudaStreamEndCapture(stream, &other));
  EXPECT(cudaGraphExecUpdate(exec, other, &info) == cudaErrorGraphExecUpdateFailure);
  EXPECT(info.result == cudaGraphExecUpdateErrorNodeTypeChanged && info.errorNode != nullptr);
  cudaGetLastError();
  EXPECT(run() == 18);  // as before
  std::printf("updated: %d\n", host[7]);

  // Node by node.
  cudaGraphNode_t nodes[2];
  size_t count = 2;
  CHECK(cudaGraphGetNodes(graph, nodes, &count));
  cudaKernelNodeParams params{};
  CHECK(cudaGraphKernelNodeGetParams(nodes[0], &params));
  int value = 77;
  void* arguments[] = {&data, &value};
  params.kernelParams = arguments;
  params.blockDim = dim3(4);
  CHECK(cudaGraphExecKernelNodeSetParams(exec, nodes[0], &params));
  EXPECT(run() == 154 && host[5] == 36);
  CHECK(cudaGraphKernelNodeGetParams(nodes[0], &params));
  EXPECT(*(int*)params.kernelParams[1] == 10);  // the graph is not changed
  params.blockDim = dim3(4096);
  EXPECT(cudaGraphExecKernelNodeSetParams(exec, nodes[0], &params) != cudaSuccess);
  cudaGetLastError();
  EXPECT(cudaGraphExecKernelNodeSetParams(exec, (cudaGraphNode_t)&value, &params) == cudaErrorInvalidValue);
  cudaGetLastError();
  std::printf("set: %d %d\n", host[0], host[5]);

  // Copies and fills.
  cudaGraph_t moves;
  cudaGraphNode_t copy_in, fill, copy_out;
  cudaGraphExec_t moving;
  CHECK(cudaGraphCreate(&moves, 0));
  CHECK(cudaGraphAddMemcpyNode1D(&copy_in, moves, nullptr, 0, data, in, sizeof in, cudaMemcpyHostToDevice));
  cudaMemsetParams fill_params{};
  fill_params.dst = data;
  fill_params.value = 9;
  fill_params.elementSize = 4;
  fill_params.width = 2;
  fill_params.height = 1;
  CHECK(cudaGraphAddMemsetNode(&fill, moves, &copy_in, 1, &fill_params));
  CHECK(cudaGraphAddMemcpyNode1D(&copy_out, moves, &fill, 1, out, data, sizeof out, cudaMemcpyDeviceToHost));
  CHECK(cudaGraphInstantiate(&moving, moves, 0));
  CHECK(cudaGraphLaunch(moving, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(out[0] == 9 && out[1] == 9 && out[2] == 3);
  int in2[8] = {11, 12, 13, 14, 15, 16, 17, 18}, out2[8] = {};
  CHECK(cudaGraphExecMemcpyNodeSetParams1D(moving, copy_in, data, in2, sizeof in2, cudaMemcpyHostToDevice));
  CHECK(cudaGraphExecMemcpyNodeSetParams1D(moving, copy_out, out2, data, sizeof out2, cudaMemcpyDeviceToHost));
  fill_params.dst = data + 4;
  fill_params.value = 8;
  CHECK(cudaGraphExecMemsetNodeSetParams(moving, fill, &fill_params));
  CHECK(cudaGraphLaunch(moving, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(out2[0] == 11 && out2[4] == 8 && out2[5] == 8 && out2[7] == 18 && out[2] == 3);
  fill_params.height = 2;
  fill_params.pitch = 64;
  EXPECT(cudaGraphExecMemsetNodeSetParams(moving, fill, &fill_params) == cudaErrorInvalidValue);
  std::printf("moved: %d %d %d\n", out2[0], out2[4], out2[7]);
}
