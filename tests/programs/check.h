// What every program shares: a failed call or a wrong value ends it with the place and a reason.
#pragma once
#include <cstdio>
#include <cstdlib>

#define CHECK(call)                                                                                       \
  do {                                                                                                    \
    cudaError_t check_error = (call);                                                                     \
    if (check_error != cudaSuccess) {                                                                     \
      std::fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, cudaGetErrorName(check_error));  \
      std::exit(1);                                                                                       \
    }                                                                                                     \
  } while (0)
#define EXPECT(truth)                                                                \
  do {                                                                               \
    if (!(truth)) {                                                                  \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth);       \
      std::exit(1);                                                                  \
    }                                                                                \
  } while (0)
