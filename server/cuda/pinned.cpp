#include "server/cuda/pinned.h"

#include <sys/mman.h>

#include <new>

#include "server/cuda/worker.h"

namespace worker {

// A device that does not pin memory does not need it. Memory stays good when the context goes in which it was pinned.
void PinnedBytes::room(size_t size) {
  constexpr size_t page = 4096;
  constexpr unsigned portable = 1;  // CU_MEMHOSTREGISTER_PORTABLE
  if (size <= size_) return;
  drop();
  const size_t wanted = (size + page - 1) / page * page;
  void* at = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  bytes_ = static_cast<std::byte*>(at);
  size_ = wanted;
  pinned_ = session().driver().cuMemHostRegister_v2(at, wanted, portable) == CUDA_SUCCESS;
}

void PinnedBytes::drop() {
  if (!bytes_) return;
  if (pinned_) session().driver().cuMemHostUnregister(bytes_);
  munmap(bytes_, size_);
  bytes_ = nullptr;
  size_ = 0;
}

}  // namespace worker
