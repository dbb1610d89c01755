// What the device cannot do says so with CUDA_ERROR_NOT_SUPPORTED and its name: memory and semaphores of other
// interfaces, and graphs that kernels launch. The device stays usable.
#include <cstring>

#include "check.h"
#include "said.h"

__global__ void set(int* value) { *value = 7; }

template <class Call>
void expect_refused(const char* name, Call call) {
  cudaError_t result = cudaSuccess;
  std::string said = said_during([&] { result = call(); });
  cudaGetLastError();
  if (result == cudaErrorNotSupported && said.find(name) != said.npos) return;
  std::fprintf(stderr, "%s: %s, said: %s\n", name, cudaGetErrorName(result), said.c_str());
  std::exit(1);
}

void external_objects() {
  expect_refused("cuImportExternalMemory", [] {
    cudaExternalMemory_t memory;
    cudaExternalMemoryHandleDesc handle{};
    handle.type = cudaExternalMemoryHandleTypeOpaqueFd;
    handle.handle.fd = 0;
    handle.size = 4096;
    return cudaImportExternalMemory(&memory, &handle);
  });
  expect_refused("cuImportExternalSemaphore", [] {
    cudaExternalSemaphore_t semaphore;
    cudaExternalSemaphoreHandleDesc handle{};
    handle.type = cudaExternalSemaphoreHandleTypeOpaqueFd;
    handle.handle.fd = 0;
    return cudaImportExternalSemaphore(&semaphore, &handle);
  });
}

void graph_for_the_device(int* value) {
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CHECK(cudaGraphCreate(&graph, 0));
  cudaGraphNode_t node;
  void* arguments[] = {&value};
  cudaKernelNodeParams kernel{};
  kernel.func = (void*)set;
  kernel.gridDim = kernel.blockDim = dim3(1);
  kernel.kernelParams = arguments;
  CHECK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &kernel));
  expect_refused("graphs cannot be launched from the device",
                 [&] { return cudaGraphInstantiate(&exec, graph, cudaGraphInstantiateFlagDeviceLaunch); });
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphLaunch(exec, 0));
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
}

int main() {
  int *value, found = 0;
  CHECK(cudaMalloc(&value, sizeof(int)));
  external_objects();
  graph_for_the_device(value);
  CHECK(cudaMemcpy(&found, value, sizeof(int), cudaMemcpyDeviceToHost));
  EXPECT(found == 7);
  std::printf("refused_features: each said its name\n");
}
