// Two streams run at once: the kernel of one waits for a word that the kernel of the other writes.
#include "check.h"

// The bound only ends a failed test.
__global__ void await(volatile int* word, int value, int* result) {
  long long turns = 0;
  while (*word != value && ++turns < 400000000) {}
  *result = *word;
}
__global__ void say(volatile int* word, int value) { *word = value; }

int main() {
  int *word, *results, got[2] = {};
  cudaStream_t waiting, saying;
  cudaEvent_t said, done;
  CHECK(cudaMalloc(&word, sizeof(int)));
  CHECK(cudaMalloc(&results, 2 * sizeof(int)));
  CHECK(cudaMemset(word, 0, sizeof(int)));
  CHECK(cudaStreamCreateWithFlags(&waiting, cudaStreamNonBlocking));
  CHECK(cudaStreamCreateWithFlags(&saying, cudaStreamNonBlocking));
  CHECK(cudaEventCreate(&said));
  CHECK(cudaEventCreate(&done));
  CHECK(cudaDeviceSynchronize());
  await<<<1, 1, 0, waiting>>>(word, 11, results);
  EXPECT(cudaStreamQuery(waiting) == cudaErrorNotReady);
  say<<<1, 1, 0, saying>>>(word, 11);
  CHECK(cudaStreamSynchronize(waiting));
  // And what an event orders stays in order: the second await sees only what was said before the event.
  say<<<1, 1, 0, saying>>>(word, 12);
  CHECK(cudaEventRecord(said, saying));
  CHECK(cudaStreamWaitEvent(waiting, said, 0));
  await<<<1, 1, 0, waiting>>>(word, 12, results + 1);
  CHECK(cudaEventRecord(done, waiting));
  CHECK(cudaEventSynchronize(done));
  CHECK(cudaMemcpy(got, results, sizeof got, cudaMemcpyDeviceToHost));
  EXPECT(got[0] == 11 && got[1] == 12);
  std::printf("streams_overlap: %d then %d\n", got[0], got[1]);
}
