// Addresses reserved first, memory mapped behind them later: a range that grows, memory seen at two addresses, and what
// must be refused (CUDA Driver API, "Virtual Memory Management").
#include <cuda.h>
#include <unistd.h>

#include "driver_check.h"

__global__ void count_up(int* data, int first, size_t n) {
  size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x;
  if (i < n) data[i] = first + int(i);
}

int main() {
  CHECK(cudaFree(nullptr));
  CUmemAllocationProp properties = {};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  size_t piece = 0;
  DRIVER(cuMemGetAllocationGranularity(&piece, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  EXPECT(piece >= 65536 && (piece & (piece - 1)) == 0);

  size_t free_before, free_now, total;
  CHECK(cudaMemGetInfo(&free_before, &total));
  CUdeviceptr range = 0;
  DRIVER(cuMemAddressReserve(&range, 4 * piece, 0, 0, 0));
  CUmemGenericAllocationHandle memory[2];
  for (auto& each : memory) DRIVER(cuMemCreate(&each, piece, &properties, 0));
  CHECK(cudaMemGetInfo(&free_now, &total));
  EXPECT(free_before - free_now == 2 * piece);
  CUmemGenericAllocationHandle too_large;
  size_t excess = (total / piece + 1) * piece;
  EXPECT(cuMemCreate(&too_large, excess, &properties, 0) == CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT(cuMemCreate(&too_large, piece + 1, &properties, 0) == CUDA_ERROR_INVALID_VALUE);

  DRIVER(cuMemMap(range, piece, 0, memory[0], 0));
  EXPECT(cuMemMap(range, piece, 0, memory[1], 0) == CUDA_ERROR_INVALID_VALUE);  // taken
  int word = 0;
  EXPECT(cuMemcpyDtoH(&word, range, sizeof word) != CUDA_SUCCESS);  // no access yet
  CUmemAccessDesc access = {properties.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  DRIVER(cuMemSetAccess(range, piece, &access, 1));
  unsigned long long flags = 0;
  DRIVER(cuMemGetAccess(&flags, &properties.location, range));
  EXPECT(flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);

  // The range grows in place; a kernel and copies run across the seam.
  DRIVER(cuMemMap(range + piece, piece, 0, memory[1], 0));
  DRIVER(cuMemSetAccess(range + piece, piece, &access, 1));
  size_t n = 2 * piece / sizeof(int);
  count_up<<<unsigned((n + 255) / 256), 256>>>(reinterpret_cast<int*>(range), 10, n);
  CHECK(cudaDeviceSynchronize());
  int* host = static_cast<int*>(std::malloc(2 * piece));
  CHECK(cudaMemcpy(host, reinterpret_cast<void*>(range), 2 * piece, cudaMemcpyDeviceToHost));
  for (size_t i = 0; i < n; ++i) EXPECT(host[i] == 10 + int(i));

  // The same memory at a second address, by handle and by a descriptor.
  CUdeviceptr second = 0;
  DRIVER(cuMemAddressReserve(&second, 2 * piece, piece, 0, 0));
  DRIVER(cuMemMap(second, piece, 0, memory[1], 0));
  int descriptor = -1;
  DRIVER(cuMemExportToShareableHandle(&descriptor, memory[0], CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  CUmemGenericAllocationHandle imported;
  DRIVER(cuMemImportFromShareableHandle(&imported, reinterpret_cast<void*>(intptr_t(descriptor)),
                                        CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
  close(descriptor);
  DRIVER(cuMemMap(second + piece, piece, 0, imported, 0));
  DRIVER(cuMemSetAccess(second, 2 * piece, &access, 1));
  CHECK(cudaMemset(reinterpret_cast<void*>(range), 0, 64));
  CHECK(cudaMemcpy(host, reinterpret_cast<void*>(second), 2 * piece, cudaMemcpyDeviceToHost));
  for (size_t i = 0; i < n / 2; ++i) EXPECT(host[i] == 10 + int(n / 2 + i));
  for (size_t i = 0; i < n / 2; ++i) EXPECT(host[n / 2 + i] == (i < 16 ? 0 : 10 + int(i)));
  EXPECT(cuMemImportFromShareableHandle(&imported, reinterpret_cast<void*>(intptr_t(0)),
                                        CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) != CUDA_SUCCESS);

  CUmemGenericAllocationHandle retained;
  DRIVER(cuMemRetainAllocationHandle(&retained, reinterpret_cast<void*>(range + piece + 8)));
  EXPECT(retained == memory[1]);
  CUmemAllocationProp asked;
  DRIVER(cuMemGetAllocationPropertiesFromHandle(&asked, retained));
  EXPECT(asked.location.id == 0 && asked.type == CU_MEM_ALLOCATION_TYPE_PINNED);
  DRIVER(cuMemRelease(retained));

  // A mapping keeps its memory after the handle is gone.
  for (auto each : memory) DRIVER(cuMemRelease(each));
  DRIVER(cuMemRelease(imported));
  CHECK(cudaMemcpy(&word, reinterpret_cast<void*>(range + 2 * piece - 4), 4, cudaMemcpyDeviceToHost));
  EXPECT(word == 10 + int(n - 1));
  EXPECT(cuMemAddressFree(range, 4 * piece) == CUDA_ERROR_INVALID_VALUE);  // still mapped
  DRIVER(cuMemUnmap(range, 2 * piece));
  DRIVER(cuMemAddressFree(range, 4 * piece));
  DRIVER(cuMemUnmap(second, 2 * piece));
  DRIVER(cuMemAddressFree(second, 2 * piece));
  CHECK(cudaMemGetInfo(&free_now, &total));
  EXPECT(free_now == free_before);
  std::printf("ok\n");
}
