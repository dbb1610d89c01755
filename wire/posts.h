// One-way calls that resemble an earlier one travel as what differs from it (PROTOCOL.md, "A post again"): a launch is
// mostly the launch before with other parameters. Both sides keep the last posts in the same places.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wire {

class Posts {
 public:
  static constexpr size_t most_words = 48;  // of a payload that is kept; larger ones always travel whole

  // What differs, word by word, from the post that is kept in its place.
  struct Difference {
    uint64_t number;  // bits 0 to 47: which words; 48 to 63: the place
    std::array<uint64_t, most_words> words;
    size_t count;
  };

  // The sender, of every post in the order they are sent. False: it travels whole.
  bool differ(std::span<const std::byte> payload, Difference& difference);
  // The receiver, of every post that came whole.
  void keep(std::span<const std::byte> payload);
  // The receiver: the payload that a difference stands for, good until the next call; empty: it stands for none. Both
  // arguments are the peer's word.
  std::span<const std::byte> restore(uint64_t number, std::span<const std::byte> words);

 private:
  static constexpr size_t places = 32;
  struct Kept {
    std::array<uint64_t, most_words> words;
    size_t count = 0;  // 0: none
  };
  static size_t place_of(std::span<const std::byte> payload);

  std::array<Kept, places> kept_{};
};

}  // namespace wire
