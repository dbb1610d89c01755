// Built with --default-stream per-thread: <<<>>> and copies without a stream belong to the calling thread
// (CUDA C++ Programming Guide, "Default Stream"), so that a long kernel of one thread holds up no other.
#include <thread>
#include <vector>

#include "check.h"

// Runs until the host, or another stream, raises the flag; the bound only ends a failed test.
__global__ void wait_for(volatile int* flag, int* seen) {
  for (long long i = 0; i < 400000000 && !*flag; ++i) {}
  *seen = *flag;
}
__global__ void set(int* value, int to) { *value = to; }

int main() {
  int *flag, *device_flag, *seen, got = 0;
  CHECK(cudaHostAlloc(&flag, sizeof(int), cudaHostAllocMapped));
  CHECK(cudaHostGetDevicePointer(&device_flag, flag, 0));
  CHECK(cudaMalloc(&seen, sizeof(int)));
  *flag = 0;
  wait_for<<<1, 1>>>(device_flag, seen);
  EXPECT(cudaStreamQuery(0) == cudaErrorNotReady);
  std::thread other([&] {
    int *value, copied = 0;
    CHECK(cudaMalloc(&value, sizeof(int)));
    set<<<1, 1>>>(value, 41);
    CHECK(cudaMemcpyAsync(&copied, value, sizeof(int), cudaMemcpyDeviceToHost));
    CHECK(cudaStreamSynchronize(0));
    EXPECT(copied == 41);
    *static_cast<volatile int*>(flag) = copied + 1;
  });
  other.join();
  CHECK(cudaMemcpy(&got, seen, sizeof got, cudaMemcpyDeviceToHost));
  EXPECT(got == 42);
  CHECK(cudaFreeHost(flag));
  std::printf("per_thread_default_stream: %d\n", got);
}
