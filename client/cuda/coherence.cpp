// Shared blocks, and the three-way comparison that keeps them alike.
#include "client/cuda/coherence.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "api/window.h"
#include "base/free_list.h"
#include "base/log.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/session.h"

namespace client {
namespace {

constexpr uint64_t page = 4096;
constexpr size_t grain = 64;               // bytes that travel together
constexpr size_t piece = size_t{1} << 20;  // of one message

enum class Sort : uint8_t { same, pinned, registered, managed };  // same: both sides have the very memory

struct Block {
  uint64_t host = 0, device = 0;
  size_t size = 0;
  Sort sort = Sort::pinned;
  bool always = false;  // may be used by a kernel that does not name it
  bool in_use = false;  // the device may have written since the last wait
  bool unsent = false;  // the device has nothing of it yet
  const Context* context = nullptr;
  std::unique_ptr<std::byte[]> agreed;  // what both sides had when they were last alike
};

struct Shared {
  std::mutex lock;
  std::map<uint64_t, Block> blocks;  // by host address
  base::FreeList host_area{api::host_area_base, api::host_area_base + api::host_area_size};
  std::map<const Context*, CUstream> pull_streams;
};
Shared& shared() {
  static auto* made = new Shared;
  return *made;
}
std::atomic<int> block_count{0};  // so that programs without shared memory pay one load

std::byte* bytes_at(uint64_t address) { return reinterpret_cast<std::byte*>(address); }
uint64_t up(uint64_t value) { return (value + page - 1) & ~(page - 1); }
uint64_t down(uint64_t value) { return value & ~(page - 1); }

// Pages that several variables share are mapped once.
bool map_pages(uint64_t address, size_t size) {
  static auto* mapped = new std::set<uint64_t>;
  std::lock_guard hold(shared().lock);
  for (uint64_t at = down(address); at < up(address + size); at += page) {
    if (mapped->contains(at)) continue;
    constexpr int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void* got = mmap(bytes_at(at), page, PROT_READ | PROT_WRITE, kind, -1, 0);
    if (got != bytes_at(at)) {
      if (got != MAP_FAILED) munmap(got, page);
      base::log(base::Level::error, "a managed variable lies where this process has something else already");
      return false;
    }
    mapped->insert(at);
  }
  return true;
}

// In the window the pages are ours; elsewhere, where a device of the vendor's has its managed variables, they must be
// free on this side as well.
bool open_pages(uint64_t address, size_t size) {
  if (!api::in_window(address)) return map_pages(address, size);
  return mprotect(bytes_at(down(address)), up(address + size) - down(address), PROT_READ | PROT_WRITE) == 0;
}

CUresult add(Block block) {
  block.context = current();
  if (block.sort != Sort::same) {
    block.agreed.reset(new (std::nothrow) std::byte[block.size]);
    if (!block.agreed) return CUDA_ERROR_OUT_OF_MEMORY;
    std::memset(block.agreed.get(), 0, block.size);
  }
  block_count.fetch_add(1);
  std::lock_guard hold(shared().lock);
  uint64_t host = block.host;
  shared().blocks[host] = std::move(block);
  return CUDA_SUCCESS;
}

// The block that holds a host address, or a device address where `device`. The caller holds the lock.
Block* find(uint64_t address, bool device) {
  for (auto& [host, block] : shared().blocks)
    if (address - (device ? block.device : host) < block.size) return &block;
  return nullptr;
}

CUresult send(const Block& block, size_t offset, size_t size, CUstream stream) {
  for (size_t done = 0; done < size; done += piece) {
    size_t part = std::min(piece, size - done);
    const void* from = bytes_at(block.host + offset + done);
    uint64_t to = block.device + offset + done;
    CUresult result = block.sort == Sort::managed ? remote::cuMemcpyHtoDAsync_v2(to, from, part, stream)
                                                  : remote::obHostWrite(to, from, part);
    if (result) return result;
  }
  std::memcpy(block.agreed.get() + offset, bytes_at(block.host + offset), size);
  return CUDA_SUCCESS;
}

// What the host changed goes to the device.
CUresult push(Block& block, CUstream stream) {
  if (block.sort == Sort::same) return CUDA_SUCCESS;
  block.in_use = true;
  if (std::exchange(block.unsent, false)) return send(block, 0, block.size, stream);
  const std::byte *now = bytes_at(block.host), *agreed = block.agreed.get();
  for (size_t at = 0; at < block.size;) {
    size_t stretch = std::min(page, block.size - at);
    if (std::memcmp(now + at, agreed + at, stretch) == 0) {
      at += stretch;
      continue;
    }
    while (std::memcmp(now + at, agreed + at, std::min(grain, block.size - at)) == 0) at += grain;
    size_t end = at;
    while (end < block.size && std::memcmp(now + end, agreed + end, std::min(grain, block.size - end)) != 0)
      end = std::min(end + grain, block.size);
    if (CUresult result = send(block, at, end - at, stream)) return result;
    at = end;
  }
  return CUDA_SUCCESS;
}

// A stream that waits for nobody: bringing things home must not wait for work that the program did not wait for.
CUresult pull_stream(CUstream& stream) {
  CUstream& own = shared().pull_streams[current()];
  if (!own)
    if (CUresult result = remote::cuStreamCreate(&own, CU_STREAM_NON_BLOCKING)) return result;
  stream = own;
  return CUDA_SUCCESS;
}

CUresult read_back(const Block& block, std::byte* to) {
  CUstream stream = nullptr;
  if (block.sort == Sort::managed)
    if (CUresult result = pull_stream(stream)) return result;
  for (size_t done = 0; done < block.size; done += piece) {
    size_t part = std::min(piece, block.size - done);
    CUresult result = block.sort == Sort::managed ? remote::obCopyToHostAsync(expect_transfer(to + done, part),
                                                                              block.device + done, part, stream)
                                                  : remote::obHostRead(block.device + done, to + done, part);
    if (result) return result;
  }
  return block.sort == Sort::managed ? remote::cuStreamSynchronize(stream) : CUDA_SUCCESS;
}

// What the device changed comes to the host, byte for byte, beside what the host has written meanwhile.
CUresult pull(Block& block) {
  auto theirs = std::make_unique_for_overwrite<std::byte[]>(block.size);
  if (CUresult result = read_back(block, theirs.get())) return result;
  std::byte *host = bytes_at(block.host), *agreed = block.agreed.get();
  for (size_t at = 0; at < block.size; at += grain) {
    size_t stretch = std::min(grain, block.size - at);
    if (std::memcmp(theirs.get() + at, agreed + at, stretch) == 0) continue;
    for (size_t i = at; i < at + stretch; ++i)
      if (theirs[i] != agreed[i]) host[i] = agreed[i] = theirs[i];
  }
  return CUDA_SUCCESS;
}

bool none() { return block_count.load(std::memory_order_relaxed) == 0; }

// Room in the host area on both sides.
CUresult map_there(uint64_t& address, size_t size) {
  {
    std::lock_guard hold(shared().lock);
    address = shared().host_area.take(up(size), page);
  }
  return address ? remote::obHostMap(address, up(size)) : CUDA_ERROR_OUT_OF_MEMORY;
}

// The caller holds the lock.
void give_back(const Block& block) {
  if (block.sort == Sort::managed) return;  // its memory is the device's, freed as such
  remote::obHostUnmap(block.device, up(block.size));
  if (block.sort != Sort::registered)  // nothing of it stays
    mmap(bytes_at(block.host), up(block.size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
         0);
  shared().host_area.give(block.device, block.device + up(block.size));
}

}  // namespace

CUresult share_pinned(void** block, size_t size, bool always) {
  uint64_t address = 0;
  if (CUresult result = map_there(address, size)) return result;
  *block = bytes_at(address);
  if (shared_host_area() >= 0) {
    void* mapped = mmap(*block, up(size), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, shared_host_area(),
                        static_cast<off_t>(address - api::host_area_base));
    if (mapped == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
    return add({address, address, size, Sort::same, false, false, false, nullptr, nullptr});
  }
  if (!open_pages(address, size)) return CUDA_ERROR_OUT_OF_MEMORY;
  return add({address, address, size, Sort::pinned, always, false, false, nullptr, nullptr});
}

CUresult share_registered(uint64_t address, size_t size, bool always) {
  uint64_t there = 0;
  if (CUresult result = map_there(there, size)) return result;
  return add({address, there, size, Sort::registered, always, false, true, nullptr, nullptr});
}

CUresult share_managed(uint64_t address, size_t size, bool from_device) {
  if (in_process()) return CUDA_SUCCESS;
  if (!open_pages(address, size)) return CUDA_ERROR_OUT_OF_MEMORY;
  std::memset(bytes_at(address), 0, size);
  if (!from_device)
    if (CUresult result = remote::cuMemsetD8_v2(address, 0, size)) return result;
  if (CUresult result = add({address, address, size, Sort::managed, true, false, false, nullptr, nullptr}))
    return result;
  std::lock_guard hold(shared().lock);
  return from_device ? pull(shared().blocks[address]) : CUDA_SUCCESS;
}

void unshare(uint64_t address) {
  if (none()) return;
  std::lock_guard hold(shared().lock);
  auto found = shared().blocks.find(address);
  if (found == shared().blocks.end()) return;
  give_back(found->second);
  shared().blocks.erase(found);
  block_count.fetch_sub(1);
}

void forget_shared(const Context& context) {
  std::lock_guard hold(shared().lock);
  shared().pull_streams.erase(&context);
  block_count.fetch_sub(static_cast<int>(std::erase_if(shared().blocks, [&](const auto& entry) {
    if (entry.second.context != &context) return false;
    give_back(entry.second);
    return true;
  })));
}

uint64_t device_address(uint64_t host) {
  if (none()) return host;
  std::lock_guard hold(shared().lock);
  Block* block = find(host, false);
  return block ? block->device + (host - block->host) : host;
}

bool is_same_memory(const void* host, size_t size) {
  if (none() || shared_host_area() < 0) return false;
  std::lock_guard hold(shared().lock);
  auto address = reinterpret_cast<uint64_t>(host);
  const Block* block = find(address, false);
  return block && block->sort == Sort::same && size <= block->size - (address - block->host);
}

CUresult before_launch(std::span<const std::byte> parameters, CUstream stream) {
  if (none()) return CUDA_SUCCESS;
  std::lock_guard hold(shared().lock);
  for (size_t at = 0; at + sizeof(uint64_t) <= parameters.size(); at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, parameters.data() + at, sizeof word);
    if (word - api::host_area_base >= api::host_area_size) continue;
    Block* block = find(word, true);
    if (block && !block->always)
      if (CUresult result = push(*block, stream)) return result;
  }
  for (auto& [host, block] : shared().blocks)
    if (block.always)
      if (CUresult result = push(block, stream)) return result;
  return CUDA_SUCCESS;
}

CUresult before_device_use(uint64_t address, CUstream stream) {
  if (none()) return CUDA_SUCCESS;
  std::lock_guard hold(shared().lock);
  Block* block = find(address, true);
  return block ? push(*block, stream) : CUDA_SUCCESS;
}

CUresult before_host_use(const void* address, CUstream stream) {
  if (none()) return CUDA_SUCCESS;
  {
    std::lock_guard hold(shared().lock);
    Block* block = find(reinterpret_cast<uint64_t>(address), false);
    if (!block || !block->in_use) return CUDA_SUCCESS;
  }
  return cuStreamSynchronize(stream);
}

CUresult before_wait() {
  if (none()) return CUDA_SUCCESS;
  std::lock_guard hold(shared().lock);
  for (auto& [host, block] : shared().blocks)
    if (block.in_use && block.sort != Sort::managed)
      if (CUresult result = push(block, nullptr)) return result;
  return CUDA_SUCCESS;
}

CUresult after_wait(CUresult waited, bool everything) {
  if (waited != CUDA_SUCCESS || none()) return waited;
  std::lock_guard hold(shared().lock);
  for (auto& [host, block] : shared().blocks) {
    if (!block.in_use || block.context != current()) continue;
    if (CUresult result = pull(block)) return result;
    if (everything) block.in_use = false;
  }
  return CUDA_SUCCESS;
}

}  // namespace client
