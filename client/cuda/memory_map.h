// What this process has allocated, by address: for address ranges, pointer attributes and unified copies.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

namespace client {

struct Context;

enum class Kind : uint8_t { device, pinned, registered, managed };

struct Range {
  uint64_t address = 0, size = 0;
  Kind kind = Kind::device;
  Context* context = nullptr;
  unsigned flags = 0;          // as given to cuMemHostAlloc
  const void* pool = nullptr;  // stream-ordered memory: where it came from
};

// All thread-safe.
void remember(const Range& range);
bool forget(uint64_t address);                      // false: nothing starts there
std::optional<Range> find_range(uint64_t address);  // the allocation that holds the address
uint64_t bytes_of_pool(const void* pool);
void forget_ranges(const Context& context);

}  // namespace client
