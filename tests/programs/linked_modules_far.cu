// The other file of linked_modules.
#include "linked_modules.h"

__device__ int table[4] = {5, 6, 7, 8};
static __device__ int own = 20000;
static __device__ __noinline__ int adjust(int value) { return value + own; }

__device__ __noinline__ int thrice(int value) { return value * 3; }

__global__ void second(int* data) { data[threadIdx.x] += adjust(counter * 7); }
