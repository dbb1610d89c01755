// Cooperative groups within a block: tiles of 16, reductions, shuffles, votes, and groups of whoever is there.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

#include <vector>

#include "check.h"

namespace cg = cooperative_groups;

__global__ void use_tiles(const int* data, int* sums, int* largest, int* scans, int* rotated, int* odd) {
  cg::thread_block block = cg::this_thread_block();
  auto tile = cg::tiled_partition<16>(block);
  int i = blockIdx.x * block.size() + block.thread_rank(), value = data[i];
  int sum = cg::reduce(tile, value, cg::plus<int>());
  int most = cg::reduce(tile, value, cg::greater<int>());
  scans[i] = cg::inclusive_scan(tile, value);
  rotated[i] = tile.shfl(value, (tile.thread_rank() + 5) % tile.size());
  if (tile.thread_rank() == 0) sums[i / 16] = sum, largest[i / 16] = most;
  if (tile.any(value < -48)) rotated[i] += 1000 * __popc(tile.ballot(value < -48));
  auto pair = cg::tiled_partition<2>(tile);
  rotated[i] += 100000 * pair.shfl_xor(value & 1, 1);
  block.sync();
  if (value & 1) {
    cg::coalesced_group those = cg::coalesced_threads();
    if (those.thread_rank() == 0) atomicAdd(odd, static_cast<int>(those.size()));
  }
}

int main() {
  const int n = 1024, tiles = n / 16;
  std::vector<int> data(n), sums(tiles), largest(tiles), scans(n), rotated(n);
  int *x, *s, *l, *c, *r, *o, odd = 0, odd_expected = 0, total = 0;
  for (int i = 0; i < n; ++i) odd_expected += (data[i] = i * 37 % 101 - 50) & 1;
  CHECK(cudaMalloc(&x, n * sizeof(int)));
  CHECK(cudaMalloc(&s, tiles * sizeof(int)));
  CHECK(cudaMalloc(&l, tiles * sizeof(int)));
  CHECK(cudaMalloc(&c, n * sizeof(int)));
  CHECK(cudaMalloc(&r, n * sizeof(int)));
  CHECK(cudaMalloc(&o, sizeof(int)));
  CHECK(cudaMemset(o, 0, sizeof(int)));
  CHECK(cudaMemcpy(x, data.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  use_tiles<<<n / 128, 128>>>(x, s, l, c, r, o);
  CHECK(cudaMemcpy(sums.data(), s, tiles * sizeof(int), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(largest.data(), l, tiles * sizeof(int), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(scans.data(), c, n * sizeof(int), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(rotated.data(), r, n * sizeof(int), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(&odd, o, sizeof odd, cudaMemcpyDeviceToHost));
  for (int tile = 0; tile < tiles; ++tile) {
    int sum = 0, most = -1000, low = 0;
    for (int k = 0; k < 16; ++k) low += data[tile * 16 + k] < -48;
    for (int k = 0; k < 16; ++k) {
      int i = tile * 16 + k;
      sum += data[i];
      most = data[i] > most ? data[i] : most;
      EXPECT(scans[i] == sum);
      EXPECT(rotated[i] == data[tile * 16 + (k + 5) % 16] + 1000 * low + 100000 * (data[i ^ 1] & 1));
    }
    EXPECT(sums[tile] == sum && largest[tile] == most);
    total += sum;
  }
  EXPECT(odd == odd_expected);
  std::printf("cooperative_tiles: %d, %d odd\n", total, odd);
}
