// A library that is loaded after the runtime has asked what the device is, as Python loads them: the program and the
// library are each told a generation that they can live with.
#include <cublas_v2.h>
#include <dlfcn.h>

#include "library.h"

template <class F>
F find(void* library, const char* name, F) {
  void* found = dlsym(library, name);
  EXPECT(found != nullptr);
  return reinterpret_cast<F>(found);
}

int main() {
  cudaDeviceProp before, after;
  CHECK(cudaGetDeviceProperties(&before, 0));
  void* library = dlopen("libcublas.so.13", RTLD_NOW | RTLD_LOCAL);
  if (!library) std::fprintf(stderr, "%s\n", dlerror());
  EXPECT(library != nullptr);
  cublasHandle_t blas;
  const int n = 100;
  std::vector<float> x(n, 3), y(n, 4);
  Device<float> dx(x), dy(y);
  float alpha = 2;
  WORKS(find(library, "cublasCreate_v2", &cublasCreate)(&blas));
  WORKS(find(library, "cublasSaxpy_v2", &cublasSaxpy)(blas, n, &alpha, dx, 1, dy, 1));
  for (float value : dy.read()) EXPECT(value == 10);
  WORKS(find(library, "cublasDestroy_v2", &cublasDestroy)(blas));
  CHECK(cudaGetDeviceProperties(&after, 0));
  EXPECT(after.major == before.major && after.minor == before.minor);
  std::printf("library_loaded_late: %d.%d before and after\n", after.major, after.minor);
}
