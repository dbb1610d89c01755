// Votes, matches and shuffles of whole warps, of parts of them, and in branches; and the barriers that count.
#include <vector>

#include "check.h"

struct Seen {
  unsigned odd, even_only, matched, all_matched, widths, up, down;
  int count, any, all, ballot_in_branch, active;
};

__global__ void look(const int* data, Seen* seen) {
  int i = threadIdx.x, value = data[i], lane = i % 32;
  Seen s = {};
  s.odd = __ballot_sync(~0u, value & 1);
  if (lane < 20) s.even_only = __ballot_sync(0xfffff, !(value & 1)) | (__any_sync(0xfffff, value > 90) << 31);
  s.matched = __match_any_sync(~0u, value % 5);
  int same = 0;
  s.all_matched = __match_all_sync(~0u, value / 1000, &same) + static_cast<unsigned>(same);
  s.widths = __shfl_sync(~0u, value, lane * 3, 8);
  s.up = __shfl_up_sync(~0u, value, 3, 16);
  s.down = __shfl_down_sync(~0u, value, 5, 32);
  s.count = __syncthreads_count(value > 50);
  s.any = __syncthreads_or(value == 77);
  s.all = __syncthreads_and(value < 101);
  if (value % 3 == 0) {
    unsigned group = __activemask();
    s.active = static_cast<int>(group);
    s.ballot_in_branch = static_cast<int>(__ballot_sync(group, value % 2 == 0));
    __syncwarp(group);
  }
  seen[i] = s;
}

int main() {
  const int n = 160;
  std::vector<int> data(n);
  std::vector<Seen> seen(n);
  int *x, above = 0, has = 0, sum = 0;
  Seen* out;
  for (int i = 0; i < n; ++i) data[i] = i * 43 % 101, above += data[i] > 50, has |= data[i] == 77;
  CHECK(cudaMalloc(&x, n * sizeof(int)));
  CHECK(cudaMalloc(&out, n * sizeof(Seen)));
  CHECK(cudaMemcpy(x, data.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  look<<<1, n>>>(x, out);
  CHECK(cudaMemcpy(seen.data(), out, n * sizeof(Seen), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) {
    const int *warp = &data[i / 32 * 32], lane = i % 32;
    const Seen& s = seen[i];
    unsigned odd = 0, even = 0, matched = 0, thirds = 0, even_thirds = 0, big = 0;
    for (int k = 0; k < 32; ++k) {
      unsigned bit = 1u << k;
      if (warp[k] & 1) odd |= bit;
      if (k < 20 && !(warp[k] & 1)) even |= bit;
      if (k < 20 && warp[k] > 90) big = 1u << 31;
      if (warp[k] % 5 == warp[lane] % 5) matched |= bit;
      if (warp[k] % 3 == 0) thirds |= bit;
      if (warp[k] % 6 == 0) even_thirds |= bit;
    }
    EXPECT(s.odd == odd && s.matched == matched && s.all_matched == 0);  // ~0 and a true predicate
    EXPECT(s.even_only == (lane < 20 ? even | big : 0));
    EXPECT(s.widths == unsigned(warp[lane / 8 * 8 + lane * 3 % 8]));
    EXPECT(s.up == unsigned(lane % 16 < 3 ? warp[lane] : warp[lane - 3]));
    EXPECT(s.down == unsigned(lane + 5 < 32 ? warp[lane + 5] : warp[lane]));
    EXPECT(s.count == above && (s.any != 0) == (has != 0) && s.all != 0);
    EXPECT(unsigned(s.active) == (warp[lane] % 3 ? 0 : thirds) &&
           unsigned(s.ballot_in_branch) == (warp[lane] % 3 ? 0 : even_thirds));
    sum += s.count + static_cast<int>(s.widths);
  }
  std::printf("warp_primitives: %d\n", sum);
}
