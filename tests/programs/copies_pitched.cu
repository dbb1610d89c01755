// Pitched memory: 2D copies there and back leave the padding alone.
#include <vector>

#include "check.h"

int main() {
  const size_t width = 70, rows = 9;
  std::vector<unsigned char> in(width * rows), out(100 * rows, 0xee);
  for (size_t i = 0; i < in.size(); ++i) in[i] = (unsigned char)i;
  unsigned char* data;
  size_t pitch;
  CHECK(cudaMallocPitch(&data, &pitch, width, rows));
  EXPECT(pitch >= width && pitch % 32 == 0);
  CHECK(cudaMemcpy2D(data, pitch, in.data(), width, width, rows, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy2D(out.data(), 100, data, pitch, width, rows, cudaMemcpyDeviceToHost));
  for (size_t row = 0; row < rows; ++row)
    for (size_t i = 0; i < 100; ++i) EXPECT(out[row * 100 + i] == (i < width ? in[row * width + i] : 0xee));
  std::printf("copies_pitched: %zu rows\n", rows);
}
