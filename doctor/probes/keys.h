// The list of facts: which probe finds them, or why none does.
#pragma once
#include <span>
#include <string_view>

namespace outboard::doctor::probes {

struct Key {
  const char* pattern;
  bool probed;
  const char* how;  // where it comes from; not probed: why
};
std::span<const Key> keys();
// The row of a key; null: it is not in the list.
const Key* key_row(std::string_view key);

}  // namespace outboard::doctor::probes
