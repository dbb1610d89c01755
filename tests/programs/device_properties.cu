// The properties that cudart gathers agree with the attributes and with each other.
#include <cstring>

#include "check.h"

int main() {
  cudaDeviceProp p;
  int value = 0;
  size_t free_bytes = 0, total = 0;
  CHECK(cudaGetDeviceProperties(&p, 0));
  EXPECT(std::strlen(p.name) > 0 && p.major * 10 + p.minor >= 75);
  EXPECT(p.warpSize == 32 && p.maxThreadsPerBlock == 1024 && p.multiProcessorCount > 0);
  EXPECT(p.maxThreadsDim[0] == 1024 && p.maxThreadsDim[1] == 1024 && p.maxThreadsDim[2] == 64);
  EXPECT(p.maxGridSize[0] == 2147483647 && p.maxGridSize[1] == 65535 && p.maxGridSize[2] == 65535);
  EXPECT(p.sharedMemPerBlock == 49152 && p.sharedMemPerBlockOptin >= p.sharedMemPerBlock);
  EXPECT(p.totalConstMem == 65536 && p.regsPerBlock == 65536 && p.unifiedAddressing == 1);
  struct { cudaDeviceAttr attribute; int expected; } const pairs[] = {
    {cudaDevAttrComputeCapabilityMajor, p.major}, {cudaDevAttrComputeCapabilityMinor, p.minor},
    {cudaDevAttrMultiProcessorCount, p.multiProcessorCount}, {cudaDevAttrPciBusId, p.pciBusID},
    {cudaDevAttrMaxThreadsPerMultiProcessor, p.maxThreadsPerMultiProcessor}, {cudaDevAttrL2CacheSize, p.l2CacheSize},
    {cudaDevAttrCooperativeLaunch, p.cooperativeLaunch}, {cudaDevAttrConcurrentKernels, p.concurrentKernels},
    {cudaDevAttrManagedMemory, p.managedMemory}, {cudaDevAttrMemoryPoolsSupported, p.memoryPoolsSupported}};
  for (auto& pair : pairs) {
    CHECK(cudaDeviceGetAttribute(&value, pair.attribute, 0));
    EXPECT(value == pair.expected);
  }
  CHECK(cudaMemGetInfo(&free_bytes, &total));
  EXPECT(total == p.totalGlobalMem && free_bytes <= total);
  char bus[32];
  int device = -1;
  CHECK(cudaDeviceGetPCIBusId(bus, sizeof bus, 0));
  CHECK(cudaDeviceGetByPCIBusId(&device, bus));
  EXPECT(device == 0);
  EXPECT(cudaGetDeviceProperties(&p, 4711) == cudaErrorInvalidDevice);
  std::printf("device_properties: agree\n");
}
