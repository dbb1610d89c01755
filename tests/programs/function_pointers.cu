// Calls through pointers: a table in device memory, a pointer that the host fetched, and virtual functions, with
// the threads of a warp going different ways.
#include <new>
#include <vector>

#include "check.h"

using Operation = int (*)(int, int);
__device__ __noinline__ int plus(int a, int b) { return a + b; }
__device__ __noinline__ int minus(int a, int b) { return a - b; }
__device__ __noinline__ int times(int a, int b) { return a * b; }
__device__ Operation table[3] = {plus, minus, times};
__device__ Operation chosen = times;

struct Shape {
  __device__ virtual int area() const = 0;
  __device__ virtual ~Shape() {}
};
struct Square : Shape {
  int side;
  __device__ explicit Square(int s) : side(s) {}
  __device__ int area() const override { return side * side; }
};
struct Strip : Shape {
  int length;
  __device__ explicit Strip(int l) : length(l) {}
  __device__ int area() const override { return 2 * length; }
};

__global__ void call(Operation given, int* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  Shape* shape = i % 5 < 2 ? static_cast<Shape*>(new Square(i)) : new Strip(i);
  out[i] = table[i % 3](i, 7) * 1000 + given(i, i) % 1000 + shape->area();
  delete shape;
}

int main() {
  const int n = 192;
  std::vector<int> got(n);
  int *out, sum = 0;
  Operation given;
  CHECK(cudaMemcpyFromSymbol(&given, chosen, sizeof given));
  CHECK(cudaMalloc(&out, n * sizeof(int)));
  call<<<2, n / 2>>>(given, out);
  CHECK(cudaMemcpy(got.data(), out, n * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) {
    int first = i % 3 == 0 ? i + 7 : i % 3 == 1 ? i - 7 : i * 7;
    EXPECT(got[i] == first * 1000 + i * i % 1000 + (i % 5 < 2 ? i * i : 2 * i));
    sum += got[i];
  }
  std::printf("function_pointers: %d\n", sum);
}
