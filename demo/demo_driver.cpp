// The demonstration without nvcc: the driver API by dlopen, as many programs use it, and PTX from a file.
#include <dlfcn.h>

#include <cstdint>
#include <fstream>
#include <iterator>

#include "show.h"

namespace {

using Pointer = uint64_t;
void* library;

// Calls a function of libcuda.so.1 by name; ends the program on an error.
template <class... A>
void call(const char* name, A... arguments) {
  auto function = reinterpret_cast<int (*)(A...)>(dlsym(library, name));
  int error = function ? function(arguments...) : 500;
  if (error == 0) return;
  std::fprintf(stderr, "demo: %s failed with error %d\n", name, error);
  std::exit(1);
}

Pointer allocate(size_t bytes) {
  Pointer address = 0;
  call("cuMemAlloc_v2", &address, bytes);
  return address;
}

void launch(void* module, const char* kernel, unsigned columns, unsigned rows, void** parameters) {
  void* function = nullptr;
  call("cuModuleGetFunction", &function, module, kernel);
  call("cuLaunchKernel", function, columns, rows, 1u, 16u, 16u, 1u, 0u, static_cast<void*>(nullptr), parameters,
       static_cast<void**>(nullptr));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: demo_driver KERNELS.ptx PICTURE.png\n"), 2;
  library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library) return std::fprintf(stderr, "demo: no CUDA driver: %s\n", dlerror()), 1;
  std::ifstream file(argv[1]);
  std::string ptx((std::istreambuf_iterator<char>(file)), {});
  char name[256] = {};
  void *context = nullptr, *module = nullptr;
  call("cuInit", 0u);
  call("cuDeviceGetName", name, 256, 0);
  std::printf("device 0: %s\n", name);
  call("cuDevicePrimaryCtxRetain", &context, 0);
  call("cuCtxSetCurrent", context);
  call("cuModuleLoadData", &module, ptx.c_str());

  std::vector<unsigned char> pixels(3 * width * height);
  Pointer picture = allocate(pixels.size());
  int w = width, h = height, size = n;
  void* drawing[] = {&picture, &w, &h};
  launch(module, "mandelbrot", (width + 15) / 16, (height + 15) / 16, drawing);
  call("cuMemcpyDtoH_v2", static_cast<void*>(pixels.data()), picture, pixels.size());

  std::vector<float> a(n * n), b(n * n), c(n * n);
  fill(a, b);
  size_t bytes = n * n * sizeof(float);
  Pointer da = allocate(bytes), db = allocate(bytes), dc = allocate(bytes);
  call("cuMemcpyHtoD_v2", da, static_cast<const void*>(a.data()), bytes);
  call("cuMemcpyHtoD_v2", db, static_cast<const void*>(b.data()), bytes);
  void* product[] = {&da, &db, &dc, &size};
  launch(module, "multiply", n / 16, n / 16, product);
  call("cuMemcpyDtoH_v2", static_cast<void*>(c.data()), dc, bytes);
  bool good = write_picture(argv[2], pixels);
  return product_is_right(a, b, c) && good ? 0 : 1;
}
