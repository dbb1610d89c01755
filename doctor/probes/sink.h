// What a probe says, on its way from the child that found it to the facts: records in a pipe. Each is written at once,
// so that a child that is killed has said what it knew.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace outboard::doctor::probes {

class Sink {
 public:
  enum class Word : uint8_t { value = 1, unknown, asking };
  explicit Sink(int pipe) : pipe_(pipe) {}

  void set(std::string_view key, std::string_view text) { put(Word::value, key, text); }
  // The key may be a pattern.
  void unknown(std::string_view key, std::string_view reason) { put(Word::unknown, key, reason); }
  // Whoever asks a driver says so first: no answer in time is then the fact "timeout", not an unknown.
  void asking(std::string_view key) { put(Word::asking, key, ""); }

 private:
  void put(Word word, std::string_view key, std::string_view text);
  int pipe_;
};

// Calls `take` for every whole record at the start of `bytes`, and returns how many bytes they were. The child may have
// been damaged by what it loaded: sizes are checked, a stray word ends the reading.
using Take = std::function<void(Sink::Word, std::string_view key, std::string_view text)>;
size_t records(std::string_view bytes, const Take& take);

}  // namespace outboard::doctor::probes
