/* Linked with the C library, the GPU's driver and a library of its own; says which files it got for them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int answer(void);
int cuInit(unsigned flags);

static void tell(const char* name, void* function) {
  Dl_info found;
  printf("%s %s\n", name, dladdr(function, &found) ? found.dli_fname : "?");
}

int main(void) {
  tell("libc", dlsym(RTLD_DEFAULT, "malloc"));
  tell("driver", dlsym(RTLD_DEFAULT, "cuInit"));
  tell("library", dlsym(RTLD_DEFAULT, "answer"));
  return cuInit(0) ? 1 : answer() != 42;
}
