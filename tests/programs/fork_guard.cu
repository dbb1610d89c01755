// A child made by fork has no device, is told so at once, and does the parent no harm (CUDA C++ Programming Guide,
// "Initialization": a context does not survive fork).
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

__global__ void add(int* value, int more) { *value += more; }

int main() {
  int *value, got = 0;
  CHECK(cudaMalloc(&value, sizeof(int)));
  CHECK(cudaMemset(value, 0, sizeof(int)));
  add<<<1, 1>>>(value, 40);
  pid_t child = fork();
  if (child == 0) {
    int* other = nullptr;
    bool refused = cudaMalloc(&other, 4) != cudaSuccess && cudaDeviceSynchronize() != cudaSuccess;
    _exit(refused ? 7 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  add<<<1, 1>>>(value, 2);
  CHECK(cudaMemcpy(&got, value, sizeof got, cudaMemcpyDeviceToHost));
  EXPECT(got == 42);
  std::printf("fork_guard: %d\n", got);
}
