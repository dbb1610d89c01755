// Streams captured into graphs: every kind of asynchronous call, forks and joins, launches that read the host's memory
// anew each time.
#include <cstring>
#include <vector>

#include "check.h"

__global__ void add(int* data, int n, int value) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] += value;
}
__global__ void combine(const int* a, const int* b, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = 2 * a[i] + b[i];
}

constexpr int n = 1000, blocks = 8, threads = 128;

size_t node_count(cudaGraph_t graph) {
  size_t count = 0;
  CHECK(cudaGraphGetNodes(graph, nullptr, &count));
  return count;
}

void one_stream() {
  int *device, *pinned;
  std::vector<int> in(n), out(n);
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&device, n * sizeof(int)));
  CHECK(cudaMallocHost(&pinned, n * sizeof(int)));
  cudaStreamCaptureStatus status;
  CHECK(cudaStreamIsCapturing(stream, &status));
  EXPECT(status == cudaStreamCaptureStatusNone);
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaStreamIsCapturing(stream, &status));
  EXPECT(status == cudaStreamCaptureStatusActive);
  CHECK(cudaMemcpyAsync(device, in.data(), n * sizeof(int), cudaMemcpyHostToDevice, stream));
  add<<<blocks, threads, 0, stream>>>(device, n, 5);
  CHECK(cudaMemsetAsync(device, 0, 4 * sizeof(int), stream));
  CHECK(cudaMemcpyAsync(pinned, device, n * sizeof(int), cudaMemcpyDeviceToHost, stream));
  CHECK(cudaMemcpyAsync(out.data(), pinned, n * sizeof(int), cudaMemcpyHostToHost, stream));
  cudaGraph_t graph;
  CHECK(cudaStreamEndCapture(stream, &graph));
  EXPECT(node_count(graph) == 5);
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  EXPECT(out[10] == 0);  // nothing has run
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < n; ++i) in[i] = i * (round + 1);
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaStreamSynchronize(stream));
    for (int i = 0; i < n; ++i) EXPECT(out[i] == (i < 4 ? 0 : i * (round + 1) + 5));
  }
  std::printf("one stream: %d %d\n", out[3], out[999]);
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaFreeHost(pinned));
  CHECK(cudaFree(device));
  CHECK(cudaStreamDestroy(stream));
}

void fork_and_join() {
  int *a, *b, *c;
  std::vector<int> out(n);
  cudaStream_t first, second;
  cudaEvent_t fork, join;
  CHECK(cudaStreamCreate(&first));
  CHECK(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  CHECK(cudaEventCreate(&fork));
  CHECK(cudaEventCreate(&join));
  CHECK(cudaMalloc(&a, n * sizeof(int)));
  CHECK(cudaMalloc(&b, n * sizeof(int)));
  CHECK(cudaMalloc(&c, n * sizeof(int)));
  CHECK(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal));
  CHECK(cudaMemsetAsync(a, 0, n * sizeof(int), first));
  CHECK(cudaEventRecord(fork, first));
  CHECK(cudaStreamWaitEvent(second, fork, 0));
  add<<<blocks, threads, 0, first>>>(a, n, 3);
  CHECK(cudaMemsetAsync(b, 0, n * sizeof(int), second));
  add<<<blocks, threads, 0, second>>>(b, n, 4);
  cudaStreamCaptureStatus status;
  unsigned long long id, second_id;
  cudaGraph_t under_way;
  const cudaGraphNode_t* dependencies;
  size_t count;
#if CUDART_VERSION >= 13000
  CHECK(cudaStreamGetCaptureInfo(first, &status, &id, &under_way, &dependencies, nullptr, &count));
  EXPECT(count == 1 && status == cudaStreamCaptureStatusActive);
  CHECK(cudaStreamGetCaptureInfo(second, &status, &second_id));
  EXPECT(id == second_id);
  cudaGraphNodeType type;
  CHECK(cudaGraphNodeGetType(dependencies[0], &type));
  EXPECT(type == cudaGraphNodeTypeKernel);
#endif
  CHECK(cudaEventRecord(join, second));
  CHECK(cudaStreamWaitEvent(first, join, 0));
  combine<<<blocks, threads, 0, first>>>(a, b, c, n);
  CHECK(cudaMemcpyAsync(out.data(), c, n * sizeof(int), cudaMemcpyDeviceToHost, first));
  cudaGraph_t graph;
  CHECK(cudaStreamEndCapture(first, &graph));
  EXPECT(node_count(graph) == 6);
  CHECK(cudaStreamIsCapturing(second, &status));
  EXPECT(status == cudaStreamCaptureStatusNone);
  size_t edges = 0, roots = 0;
#if CUDART_VERSION >= 13000
  CHECK(cudaGraphGetEdges(graph, nullptr, nullptr, nullptr, &edges));
#else
  CHECK(cudaGraphGetEdges(graph, nullptr, nullptr, &edges));
#endif
  CHECK(cudaGraphGetRootNodes(graph, nullptr, &roots));
  EXPECT(edges == 6 && roots == 1);
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int round = 0; round < 50; ++round) CHECK(cudaGraphLaunch(exec, round % 2 ? first : second));
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < n; ++i) EXPECT(out[i] == 10);
  std::printf("fork and join: %d\n", out[5]);
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
}

// Launches of one graph follow each other, on whatever streams; work around them keeps its place.
void launches_in_order() {
  int* data;
  int result = 0;
  cudaStream_t streams[2];
  CHECK(cudaMalloc(&data, sizeof(int)));
  for (auto& stream : streams) CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaMemset(data, 0, sizeof(int)));
  CHECK(cudaDeviceSynchronize());
  CHECK(cudaStreamBeginCapture(streams[0], cudaStreamCaptureModeRelaxed));
  for (int i = 0; i < 20; ++i) add<<<1, 1, 0, streams[0]>>>(data, 1, 1);
  cudaGraph_t graph;
  CHECK(cudaStreamEndCapture(streams[0], &graph));
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < 200; ++i) CHECK(cudaGraphLaunch(exec, streams[i % 2]));
  for (auto& stream : streams) CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaMemcpy(&result, data, sizeof(int), cudaMemcpyDeviceToHost));
  std::printf("launches in order: %d\n", result);
  EXPECT(result == 4000);
  add<<<1, 1, 0, streams[0]>>>(data, 1, 1000000);
  CHECK(cudaGraphLaunch(exec, streams[0]));
  CHECK(cudaGraphExecDestroy(exec));  // it may be running
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaMemcpyAsync(&result, data, sizeof(int), cudaMemcpyDeviceToHost, streams[0]));
  CHECK(cudaStreamSynchronize(streams[0]));
  EXPECT(result == 1004020);
}

void pitched() {
  int *device, host[6][8], back[6][8] = {};
  size_t pitch;
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMallocPitch(&device, &pitch, 5 * sizeof(int), 6));
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaMemset2DAsync(device, pitch, 7, 5 * sizeof(int), 6, stream));
  CHECK(cudaMemcpy2DAsync(device, pitch, host, sizeof host[0], 4 * sizeof(int), 6, cudaMemcpyHostToDevice, stream));
  CHECK(cudaMemcpy2DAsync(back, sizeof back[0], device, pitch, 5 * sizeof(int), 6, cudaMemcpyDeviceToHost, stream));
  cudaGraph_t graph;
  CHECK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int round = 1; round < 4; ++round) {
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 8; ++x) host[y][x] = round * 100 + y * 10 + x;
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaStreamSynchronize(stream));
    for (int y = 0; y < 6; ++y) {
      EXPECT(std::memcmp(host[y], back[y], 4 * sizeof(int)) == 0);
      EXPECT(back[y][4] == 0x07070707 && back[y][5] == 0);
    }
  }
  std::printf("pitched: %d\n", back[5][3]);
}

// More than a message over a link may hold.
void large() {
  size_t count = 9 << 20;
  std::vector<int> in(count), out(count);
  int* device;
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&device, count * sizeof(int)));
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaMemcpyAsync(device, in.data(), count * sizeof(int), cudaMemcpyHostToDevice, stream));
  add<<<(count + 255) / 256, 256, 0, stream>>>(device, int(count), 1);
  CHECK(cudaMemcpyAsync(out.data(), device, count * sizeof(int), cudaMemcpyDeviceToHost, stream));
  cudaGraph_t graph;
  CHECK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (size_t i = 0; i < count; ++i) in[i] = int(i);
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  for (size_t i = 0; i < count; ++i) EXPECT(out[i] == int(i) + 1);
  std::printf("large: %d\n", out[count - 1]);
}

int main() {
  one_stream();
  fork_and_join();
  launches_in_order();
  pitched();
  large();
}
