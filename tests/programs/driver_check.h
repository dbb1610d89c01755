// For programs on the driver API: DRIVER beside check.h's EXPECT.
#pragma once
#include <cuda.h>

#include "check.h"

#define DRIVER(call)                                                                   \
  do {                                                                                 \
    CUresult result = (call);                                                          \
    if (result) {                                                                      \
      std::fprintf(stderr, "%s:%d: %s: %d\n", __FILE__, __LINE__, #call, int(result)); \
      std::exit(1);                                                                    \
    }                                                                                  \
  } while (0)
