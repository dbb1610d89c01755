// Host memory that client and worker map at the same addresses: memory of their own that the client keeps alike
// (client/cuda/coherence.cpp), or, over shared memory, one and the same.
#include <fcntl.h>
#include <sys/mman.h>

#include <cstring>
#include <map>
#include <mutex>

#include "api/window.h"
#include "base/fd.h"
#include "server/cuda/worker.h"

namespace worker {
namespace {

struct HostMemory {
  std::mutex lock;
  std::map<uint64_t, size_t> mapped;  // address and size
  base::Fd area;                      // what is mapped; invalid: anonymous memory
};
HostMemory& host_memory() {
  static auto* made = new HostMemory;
  return *made;
}

bool in_host_area(uint64_t address, size_t size) {
  return address >= api::host_area_base && address - api::host_area_base <= api::host_area_size &&
         size <= api::host_area_size - (address - api::host_area_base);
}

// All of it lies in one mapped piece.
bool is_mapped(uint64_t address, size_t size) {
  std::lock_guard hold(host_memory().lock);
  auto after = host_memory().mapped.upper_bound(address);
  if (after == host_memory().mapped.begin()) return false;
  auto [begin, length] = *std::prev(after);
  return address - begin <= length && size <= length - (address - begin);
}

void* at(uint64_t address) { return reinterpret_cast<void*>(address); }

// At the same address, for all contexts (CUDA Driver API, "Unified Addressing"). The software GPU sees all memory of
// its process and has no need of it; without a context nobody can use the memory yet.
CUresult show_to_device(void* bytes, size_t size) {
  constexpr unsigned portable = 1, mapped = 2;  // CU_MEMHOSTREGISTER_PORTABLE, _DEVICEMAP
  CUresult result = session().driver().cuMemHostRegister_v2(bytes, size, portable | mapped);
  return result == CUDA_ERROR_NOT_SUPPORTED || result == CUDA_ERROR_INVALID_CONTEXT ? CUDA_SUCCESS : result;
}

}  // namespace

void share_host_area(int descriptor) { host_memory().area = base::Fd(descriptor); }

CUresult obHostMap(uint64_t address, size_t size) {
  if (!size || !in_host_area(address, size)) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(host_memory().lock);
  constexpr int access = PROT_READ | PROT_WRITE;
  const base::Fd& area = host_memory().area;
  void* mapped = area.valid() ? mmap(at(address), size, access, MAP_SHARED | MAP_FIXED_NOREPLACE, area.get(),
                                     static_cast<off_t>(address - api::host_area_base))
                              : mmap(at(address), size, access,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (mapped == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  if (CUresult result = show_to_device(mapped, size)) {
    munmap(mapped, size);
    return result;
  }
  host_memory().mapped[address] = size;
  return CUDA_SUCCESS;
}

CUresult obHostUnmap(uint64_t address, size_t size) {
  std::lock_guard hold(host_memory().lock);
  auto found = host_memory().mapped.find(address);
  if (found == host_memory().mapped.end() || found->second != size) return CUDA_ERROR_INVALID_VALUE;
  host_memory().mapped.erase(found);
  session().driver().cuMemHostUnregister(at(address));  // it may have gone with its context
  if (munmap(at(address), size) < 0) return CUDA_ERROR_INVALID_VALUE;
  if (host_memory().area.valid())  // the memory goes back to the machine
    fallocate(host_memory().area.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(address - api::host_area_base), static_cast<off_t>(size));
  return CUDA_SUCCESS;
}

CUresult obHostWrite(uint64_t address, const void* bytes, size_t size) {
  if (!is_mapped(address, size)) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(at(address), bytes, size);
  return CUDA_SUCCESS;
}

CUresult obHostRead(uint64_t address, void* bytes, size_t size) {
  if (!is_mapped(address, size)) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(bytes, at(address), size);
  return CUDA_SUCCESS;
}

CUresult obCopyFromShared(CUdeviceptr destination, uint64_t source, size_t size) {
  if (!is_mapped(source, size)) return CUDA_ERROR_INVALID_VALUE;
  return session().driver().cuMemcpyHtoD_v2(destination, at(source), size);
}

CUresult obCopyFromSharedAsync(CUdeviceptr destination, uint64_t source, size_t size, CUstream stream) {
  if (!is_mapped(source, size)) return CUDA_ERROR_INVALID_VALUE;
  return session().driver().cuMemcpyHtoDAsync_v2(destination, at(source), size, stream);
}

CUresult obCopyToShared(uint64_t destination, CUdeviceptr source, size_t size) {
  if (!is_mapped(destination, size)) return CUDA_ERROR_INVALID_VALUE;
  return session().driver().cuMemcpyDtoH_v2(at(destination), source, size);
}

CUresult obCopyToSharedAsync(uint64_t destination, CUdeviceptr source, size_t size, CUstream stream) {
  if (!is_mapped(destination, size)) return CUDA_ERROR_INVALID_VALUE;
  return session().driver().cuMemcpyDtoHAsync_v2(at(destination), source, size, stream);
}

}  // namespace worker
