// What the two files of linked_modules know of each other.
#pragma once

using Transform = int (*)(int);
extern __device__ int thrice(int value);
extern __device__ int counter;
__global__ void second(int* data);
