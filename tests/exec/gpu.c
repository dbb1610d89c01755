// Asks the driver for its devices, as a program that found the GPU would.
#include <dlfcn.h>
#include <stdio.h>

int main(void) {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (!driver) return printf("%s\n", dlerror()), 1;
  int (*init)(unsigned) = (int (*)(unsigned))dlsym(driver, "cuInit");
  int (*count)(int*) = (int (*)(int*))dlsym(driver, "cuDeviceGetCount");
  int (*name)(char*, int, int) = (int (*)(char*, int, int))dlsym(driver, "cuDeviceGetName");
  int devices = 0;
  char text[256] = "";
  if (init(0) || count(&devices) || name(text, sizeof text, 0)) return printf("the driver fails\n"), 1;
  printf("%d: %s\n", devices, text);
  return 0;
}
