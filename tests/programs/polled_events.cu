// A program that polls events and streams sees them reached, never too early, while others are still under way.
#include "check.h"

__global__ void work(unsigned* counter, unsigned rounds) {
  unsigned value = 1;
  for (unsigned i = 0; i < rounds; ++i) value = value * 1664525u + 1013904223u;
  if (value != 0) atomicAdd(counter, 1u);
}

static unsigned look(unsigned* counter, cudaStream_t stream) {
  unsigned value = 0;
  CHECK(cudaMemcpyAsync(&value, counter, sizeof value, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaStreamSynchronize(stream));
  return value;
}

template <class Query>
void poll(Query query) {
  for (;;) {
    cudaError_t answer = query();
    if (answer == cudaSuccess) return;
    EXPECT(answer == cudaErrorNotReady);
    cudaGetLastError();
  }
}

int main() {
  const unsigned rounds = 400000;
  cudaStream_t first, second, looking;
  cudaEvent_t event, never, timed[2];
  unsigned* counter;
  CHECK(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
  CHECK(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  CHECK(cudaStreamCreateWithFlags(&looking, cudaStreamNonBlocking));
  CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  CHECK(cudaEventCreate(&never));
  for (auto& each : timed) CHECK(cudaEventCreate(&each));
  CHECK(cudaMalloc(&counter, sizeof *counter));
  CHECK(cudaMemset(counter, 0, sizeof *counter));
  CHECK(cudaDeviceSynchronize());
  EXPECT(cudaEventQuery(never) == cudaSuccess);  // never recorded
  EXPECT(cudaStreamQuery(first) == cudaSuccess);
  unsigned done = 0;
  for (unsigned turn = 0; turn < 12; ++turn) {  // the same event, again and again
    work<<<1, 32, 0, first>>>(counter, rounds);
    CHECK(cudaEventRecord(event, first));
    done += 32;
    poll([&] { return cudaEventQuery(event); });
    EXPECT(look(counter, looking) >= done);
  }
  for (unsigned turn = 0; turn < 6; ++turn) {
    work<<<1, 32, 0, turn % 2 ? first : second>>>(counter, rounds);
    done += 32;
    poll([&] { return cudaStreamQuery(turn % 2 ? first : second); });
    EXPECT(look(counter, looking) >= done);
  }
  work<<<1, 32>>>(counter, rounds);  // the default stream
  done += 32;
  poll([] { return cudaStreamQuery(nullptr); });
  EXPECT(look(counter, looking) == done);
  // An event that is destroyed while it is waited for, and one whose stream goes on.
  cudaEvent_t gone;
  CHECK(cudaEventCreate(&gone));
  work<<<1, 32, 0, first>>>(counter, rounds);
  CHECK(cudaEventRecord(gone, first));
  cudaEventQuery(gone);
  cudaGetLastError();
  CHECK(cudaEventDestroy(gone));
  CHECK(cudaEventRecord(timed[0], first));
  work<<<1, 32, 0, first>>>(counter, rounds);
  CHECK(cudaEventRecord(timed[1], first));
  poll([&] { return cudaEventQuery(timed[1]); });
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, timed[0], timed[1]));
  EXPECT(milliseconds > 0);
  EXPECT(look(counter, looking) == done + 64);
  std::printf("polled_events: none was reached early\n");
}
