// The number of a function on the wire: a hash of its name, so that tables can grow in any order.
#pragma once
#include <cstdint>
#include <string_view>

namespace api {

// FNV-1a, 32 bits. Two names with one number are found at compile time (server/rows.cpp).
constexpr uint32_t opcode(std::string_view name) {
  uint32_t hash = 2166136261u;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

}  // namespace api
