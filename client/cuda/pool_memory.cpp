#include "client/cuda/pool_memory.h"

#include <algorithm>
#include <vector>

#include "client/cuda/leases.h"
#include "client/session.h"
#include "device/leases.h"

namespace client {
namespace {

uint64_t room_of(uint64_t size) {
  return (size + device::lease_granule - 1) / device::lease_granule * device::lease_granule;
}

// A block is an allocation like the program's own.
CUresult make_block(uint64_t size, CUdeviceptr& address) {
  auto leased = lease_memory(&address, size);
  return leased ? *leased : remote::cuMemAlloc_v2(&address, size);
}

// One that no work uses any more is not waited for.
void free_block(CUdeviceptr address, uint64_t size, bool unused) {
  if (return_memory(address, size, unused)) return;
  unused ? remote::cuMemFreeAsync(address, nullptr) : remote::cuMemFree_v2(address);
}

}  // namespace

CUresult PoolMemory::take(uint64_t size, CUstream stream, CUdeviceptr& address) {
  if (CUresult failure = context_failure()) return failure;
  const uint64_t room = room_of(size);
  if (room < size) return CUDA_ERROR_OUT_OF_MEMORY;
  address = take_free(room, stream);
  if (!address) {
    learn();
    if (freed_bytes_ >= ask_from_) ask();
    address = take_free(room, stream);
  }
  if (!address)
    if (CUresult result = reserve(room, stream, address)) return result;
  const auto block = std::prev(blocks_.upper_bound(address));
  if (idle_.erase(block->first)) idle_bytes_ -= block->second;
  taken_[address] = {size, room, block->first};
  used_ += size;
  return CUDA_SUCCESS;
}

// What the stream itself has freed first: nobody else can have it.
uint64_t PoolMemory::take_free(uint64_t room, CUstream stream) {
  uint64_t address = 0;
  if (auto own = freed_.find(stream); own != freed_.end()) {
    address = own->second.ranges.take(room);
    if (address) freed_bytes_ -= room;
  }
  return address ? address : unused_.take(room);
}

// Idle blocks are too small; they go before the pool grows. When memory is out, everything that can go does.
CUresult PoolMemory::reserve(uint64_t room, CUstream stream, CUdeviceptr& address) {
  if (idle_bytes_ >= room) trim(0);
  CUresult result = make_block(room, address);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && reserved_ && !(idle_.empty() && freed_.empty())) {
    wait_for_work();
    if (uint64_t found = take_free(room, stream)) return address = found, CUDA_SUCCESS;
    trim(0);
    result = make_block(room, address);
  }
  if (result) return result;
  blocks_[address] = room;
  reserved_ += room;
  return CUDA_SUCCESS;
}

FreeRange PoolMemory::forget(std::map<uint64_t, Taken>::iterator at) {
  const FreeRange range{at->first, at->second.room, at->second.block};
  used_ -= at->second.size;
  taken_.erase(at);
  return range;
}

void PoolMemory::give(CUdeviceptr address, CUstream stream) {
  auto found = taken_.find(address);
  if (found == taken_.end()) return;
  const FreeRange range = forget(found);
  Freed& freed = freed_[stream];
  freed.ranges.give(range);
  freed.work = last_work(stream);
  freed_bytes_ += range.size;
}

void PoolMemory::give_unused(CUdeviceptr address) {
  auto found = taken_.find(address);
  if (found != taken_.end()) give_unused(forget(found));
}

void PoolMemory::give_unused(const FreeRange& range) {
  const FreeRange whole = unused_.give(range);
  const uint64_t size = blocks_.at(whole.block);
  if (whole.size != size) return;
  idle_[whole.block] = size;
  idle_bytes_ += size;
}

void PoolMemory::learn() {
  for (auto at = freed_.begin(); at != freed_.end();) {
    if (!work_is_done(at->second.work, at->first)) {
      ++at;
      continue;
    }
    freed_bytes_ -= at->second.ranges.bytes();
    at->second.ranges.drain([this](const FreeRange& range) { give_unused(range); });
    at = freed_.erase(at);
  }
}

void PoolMemory::ask() {
  for (const auto& [stream, freed] : freed_) remote::cuStreamQuery(stream);
  learn();
  ask_from_ = std::max(first_question, 2 * freed_bytes_);
}

void PoolMemory::wait_for_work() {
  if (freed_.empty()) return;
  remote::cuCtxSynchronize();  // streams that were destroyed cannot be named any more
  learn();
}

void PoolMemory::trim(uint64_t keep) {
  learn();
  while (reserved_ > keep && !idle_.empty()) release(idle_.begin()->first, true);
}

void PoolMemory::end() {
  trim(0);
  while (!blocks_.empty()) release(blocks_.begin()->first, false);
}

void PoolMemory::release(uint64_t block, bool unused) {
  const uint64_t size = blocks_.at(block);
  if (idle_.erase(block)) {
    idle_bytes_ -= size;
    unused_.remove(block);
  }
  blocks_.erase(block);
  reserved_ -= size;
  free_block(block, size, unused);
}

}  // namespace client
