// The first question every CUDA program asks.
#include <cstdio>

int main() {
  int devCount;
  cudaGetDeviceCount(&devCount);
  if (devCount == 0) {
    fprintf(stderr, "Error: No CUDA-capable devices detected.\n");
    return 1;
  }
  int device;
  cudaGetDevice(&device);
  printf("CUDA device ID: %d\n", device);
}
