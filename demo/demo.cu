// The demonstration as CUDA programs are written: kernels, cudaMalloc, <<<>>>. Knows nothing of Outboard.
#include "kernels.cuh"
#include "show.h"

#define CHECK(call)                                                               \
  if (cudaError_t error = (call)) {                                               \
    std::fprintf(stderr, "demo: %s: %s\n", #call, cudaGetErrorString(error));     \
    return 1;                                                                     \
  }

int main(int argc, char** argv) {
  cudaDeviceProp device;
  CHECK(cudaGetDeviceProperties(&device, 0));
  std::printf("device 0: %s\n", device.name);
  std::vector<unsigned char> pixels(3 * width * height);
  unsigned char* picture;
  CHECK(cudaMalloc(&picture, pixels.size()));
  mandelbrot<<<dim3((width + 15) / 16, (height + 15) / 16), dim3(16, 16)>>>(picture, width, height);
  CHECK(cudaMemcpy(pixels.data(), picture, pixels.size(), cudaMemcpyDeviceToHost));

  std::vector<float> a(n * n), b(n * n), c(n * n);
  fill(a, b);
  float *da, *db, *dc;
  size_t bytes = n * n * sizeof(float);
  CHECK(cudaMalloc(&da, bytes));
  CHECK(cudaMalloc(&db, bytes));
  CHECK(cudaMalloc(&dc, bytes));
  CHECK(cudaMemcpy(da, a.data(), bytes, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(db, b.data(), bytes, cudaMemcpyHostToDevice));
  multiply<<<dim3(n / 16, n / 16), dim3(16, 16)>>>(da, db, dc, n);
  CHECK(cudaMemcpy(c.data(), dc, bytes, cudaMemcpyDeviceToHost));
  bool good = write_picture(argc > 1 ? argv[1] : "mandelbrot.png", pixels);
  return product_is_right(a, b, c) && good ? 0 : 1;
}
