#include "device/software/check/written.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>

#include "api/window.h"
#include "device/software/run/window.h"

namespace software {

// visit(word, mask) until one says false.
template <class Visit>
bool WrittenBits::each_word(uint64_t first, uint64_t count, const Visit& visit) {
  for (const uint64_t end = first + count; first < end;) {
    const uint64_t here = std::min(end - first, 64 - first % 64);
    const uint64_t ones = here == 64 ? ~uint64_t{0} : (uint64_t{1} << here) - 1;
    if (!visit(first / 64, ones << first % 64)) return false;
    first += here;
  }
  return true;
}

void WrittenBits::set(uint64_t first, uint64_t count) {
  each_word(first, count, [this](uint64_t word, uint64_t mask) {
    std::atomic_ref<uint64_t> at(words_[word]);
    if ((at.load(std::memory_order_relaxed) & mask) != mask) at.fetch_or(mask, std::memory_order_relaxed);
    return true;
  });
}

void WrittenBits::clear(uint64_t first, uint64_t count) {
  each_word(first, count, [this](uint64_t word, uint64_t mask) {
    std::atomic_ref<uint64_t> at(words_[word]);
    if (at.load(std::memory_order_relaxed) & mask) at.fetch_and(~mask, std::memory_order_relaxed);
    return true;
  });
}

bool WrittenBits::all(uint64_t first, uint64_t count) const {
  return each_word(first, count, [this](uint64_t word, uint64_t mask) {
    return (std::atomic_ref<uint64_t>(words_[word]).load(std::memory_order_relaxed) & mask) == mask;
  });
}

void WrittenBits::copy(uint64_t to, uint64_t from, uint64_t count) {
  if (all(from, count)) return set(to, count);
  std::vector<bool> bits(count);
  for (uint64_t i = 0; i < count; ++i) bits[i] = get(from + i);
  for (uint64_t i = 0; i < count; ++i) bits[i] ? set(to + i, 1) : clear(to + i, 1);
}

namespace {

constexpr uint64_t size_of_map = api::device_area_size / 8;

bool inside(uint64_t address, uint64_t size) {
  return in_device_area(address) && size <= api::device_area_size - (address - window_base());
}

}  // namespace

WrittenMemory::WrittenMemory() {
  void* at = mmap(nullptr, size_of_map, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return;
  map_ = at;
  bits_ = WrittenBits(static_cast<uint64_t*>(at));
}

WrittenMemory::~WrittenMemory() {
  if (map_) munmap(map_, size_of_map);
}

void WrittenMemory::set(uint64_t address, uint64_t size) {
  if (works() && inside(address, size)) bits_.set(address - window_base(), size);
}

void WrittenMemory::clear(uint64_t address, uint64_t size) {
  if (works() && inside(address, size)) bits_.clear(address - window_base(), size);
}

bool WrittenMemory::all(uint64_t address, uint64_t size) const {
  return !works() || !inside(address, size) || bits_.all(address - window_base(), size);
}

void WrittenMemory::copy(uint64_t to, uint64_t from, uint64_t size) {
  if (!works() || !inside(to, size)) return;
  if (!inside(from, size)) return set(to, size);
  bits_.copy(to - window_base(), from - window_base(), size);
}

}  // namespace software
