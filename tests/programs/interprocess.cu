// Two processes work on one allocation and hand the turn over by an event (cudaIpc...).
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

constexpr int n = 100000;

__global__ void fill(int* data, int value) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] = value + i;
}

__global__ void triple(int* data) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] *= 3;
}

struct Message {
  cudaIpcMemHandle_t memory;
  cudaIpcEventHandle_t filled;
  int value;
};

void send(int to, const Message& message) { EXPECT(write(to, &message, sizeof message) == sizeof message); }
Message receive(int from) {
  Message message;
  EXPECT(read(from, &message, sizeof message) == sizeof message);
  return message;
}

int child(int from, int to) {
  Message message = receive(from);
  int* data = nullptr;
  CHECK(cudaIpcOpenMemHandle(reinterpret_cast<void**>(&data), message.memory, cudaIpcMemLazyEnablePeerAccess));
  cudaEvent_t filled;
  CHECK(cudaIpcOpenEventHandle(&filled, message.filled));
  CHECK(cudaStreamWaitEvent(nullptr, filled, 0));
  triple<<<(n + 255) / 256, 256>>>(data);
  CHECK(cudaDeviceSynchronize());
  int first = 0;
  CHECK(cudaMemcpy(&first, data, sizeof first, cudaMemcpyDeviceToHost));
  CHECK(cudaIpcCloseMemHandle(data));
  CHECK(cudaEventDestroy(filled));
  message.value = first;
  send(to, message);
  return 0;
}

int main() {
  int there[2], back[2];
  EXPECT(pipe(there) == 0 && pipe(back) == 0);
  pid_t process = fork();  // before either of them uses CUDA
  if (process == 0) _exit(child(there[0], back[1]));

  int *data = nullptr, *neighbour = nullptr;
  CHECK(cudaMalloc(&neighbour, 4));
  CHECK(cudaMalloc(&data, n * sizeof(int)));
  Message message = {};
  CHECK(cudaIpcGetMemHandle(&message.memory, data));
  cudaEvent_t filled;
  CHECK(cudaEventCreateWithFlags(&filled, cudaEventDisableTiming | cudaEventInterprocess));
  CHECK(cudaIpcGetEventHandle(&message.filled, filled));
  fill<<<(n + 255) / 256, 256>>>(data, 5);
  CHECK(cudaEventRecord(filled));
  send(there[1], message);
  message = receive(back[0]);
  EXPECT(message.value == 15);
  int status = 1;
  EXPECT(waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  static int host[n];
  CHECK(cudaMemcpy(host, data, sizeof host, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) EXPECT(host[i] == 3 * (5 + i));

  // A handle is for other processes, and only of what was allocated.
  void* mine = nullptr;
  EXPECT(cudaIpcOpenMemHandle(&mine, message.memory, cudaIpcMemLazyEnablePeerAccess) != cudaSuccess);
  cudaGetLastError();
  cudaIpcMemHandle_t none;
  EXPECT(cudaIpcGetMemHandle(&none, host) != cudaSuccess);
  cudaGetLastError();
  CHECK(cudaFree(data));
  CHECK(cudaFree(neighbour));
  std::printf("ok\n");
}
