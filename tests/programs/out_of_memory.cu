// The device's memory has an end: beyond it every way to allocate fails, loses nothing and leaves no error behind.
#include <vector>

#include "check.h"

int main() {
  size_t free_before, free_now, total;
  CHECK(cudaMemGetInfo(&free_before, &total));
  void* memory = nullptr;
  EXPECT(cudaMalloc(&memory, total + 1) == cudaErrorMemoryAllocation);
  EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
  EXPECT(cudaMalloc(&memory, ~size_t{0} - 4096) == cudaErrorMemoryAllocation);
  EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
  EXPECT(cudaMallocAsync(&memory, total + 1, nullptr) == cudaErrorMemoryAllocation);
  EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
  EXPECT(cudaMallocManaged(&memory, total + 1) == cudaErrorMemoryAllocation);
  EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
  size_t pitch;
  EXPECT(cudaMallocPitch(&memory, &pitch, size_t{1} << 40, size_t{1} << 40) != cudaSuccess);
  cudaGetLastError();

  // Until it is full, piece by piece; nothing is written, so that no memory of this machine is taken.
  std::vector<void*> pieces;
  const size_t piece = size_t{256} << 20;
  while (cudaMalloc(&memory, piece) == cudaSuccess) pieces.push_back(memory);
  EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
  CHECK(cudaMemGetInfo(&free_now, &total));
  EXPECT(free_now < piece && pieces.size() >= (free_before - piece) / piece);
  CHECK(cudaMemset(pieces.front(), 1, 4096));
  CHECK(cudaFree(pieces.back()));
  pieces.pop_back();
  CHECK(cudaMalloc(&memory, piece));  // room again
  pieces.push_back(memory);
  for (void* each : pieces) CHECK(cudaFree(each));
  CHECK(cudaMemGetInfo(&free_now, &total));
  EXPECT(free_now == free_before);
  std::printf("ok\n");
}
