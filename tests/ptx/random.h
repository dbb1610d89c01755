// Random PTX kernels, the same for the same seed on every machine, and smaller versions of them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace test {

// A piece of a kernel: text, or text around pieces ("if" and "loop"). Removing any piece leaves a valid kernel.
struct Piece {
  std::string before, after;
  std::vector<Piece> inside;
};

struct Program {
  std::string head, tail;
  std::vector<Piece> pieces;
  uint32_t blocks = 1, threads = 32;

  std::string text() const;
};

// Bytes of input that each thread reads and of output that it writes, both rows of 8-byte words. Parameters: input,
// output.
inline constexpr uint32_t words_in = 16, words_out = 32;

Program random_program(uint64_t seed);
std::vector<uint64_t> random_input(uint64_t seed, size_t words);

// The opcodes that random programs are made of, as "add.s32".
std::vector<std::string> random_opcodes();

// Takes pieces away for as long as `fails` says that the program still fails.
template <class Fails>
Program shrunk(Program program, const Fails& fails, int attempts = 400);

}  // namespace test

#include "tests/ptx/shrink.h"
