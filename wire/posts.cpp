#include "wire/posts.h"

#include <bit>
#include <cstring>

namespace wire {
namespace {

constexpr size_t word = sizeof(uint64_t);
constexpr int place_shift = 48;

uint64_t word_at(std::span<const std::byte> bytes, size_t index) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + index * word, word);
  return value;
}

bool can_be_kept(std::span<const std::byte> payload) {
  return !payload.empty() && payload.size() % word == 0 && payload.size() <= Posts::most_words * word;
}

}  // namespace

// By the function that is called and its first argument, which of a launch is the kernel.
size_t Posts::place_of(std::span<const std::byte> payload) {
  constexpr size_t function = 0, first_argument = 2;
  const bool has_argument = payload.size() > first_argument * word;
  return (word_at(payload, function) + (has_argument ? word_at(payload, first_argument) : 0)) % places;
}

bool Posts::differ(std::span<const std::byte> payload, Difference& difference) {
  if (!can_be_kept(payload)) return false;
  const size_t place = place_of(payload);
  Kept& kept = kept_[place];
  const size_t count = payload.size() / word;
  if (kept.count != count) {
    keep(payload);
    return false;
  }
  difference.number = uint64_t{place} << place_shift;
  difference.count = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t now = word_at(payload, i);
    if (now == kept.words[i]) continue;
    kept.words[i] = difference.words[difference.count++] = now;
    difference.number |= uint64_t{1} << i;
  }
  return difference.count < count;  // if not, the place holds it all the same
}

void Posts::keep(std::span<const std::byte> payload) {
  if (!can_be_kept(payload)) return;
  Kept& kept = kept_[place_of(payload)];
  kept.count = payload.size() / word;
  std::memcpy(kept.words.data(), payload.data(), payload.size());
}

std::span<const std::byte> Posts::restore(uint64_t number, std::span<const std::byte> words) {
  const size_t place = number >> place_shift;
  uint64_t which = number & ((uint64_t{1} << place_shift) - 1);
  if (place >= places || words.size() != static_cast<size_t>(std::popcount(which)) * word) return {};
  Kept& kept = kept_[place];
  if (kept.count == 0 || which >> kept.count) return {};
  for (size_t i = 0; which; which &= which - 1, ++i)
    kept.words[static_cast<size_t>(std::countr_zero(which))] = word_at(words, i);
  return std::as_bytes(std::span(kept.words).first(kept.count));
}

}  // namespace wire
