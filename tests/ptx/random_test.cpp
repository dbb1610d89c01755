// Random kernels on the reference and as compiled code: every register of every thread must be the same, bit for bit,
// whatever the order of blocks and the number of workers. OUTBOARD_SEEDS says how many kernels, OUTBOARD_SEED the
// first.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/ptx/engines.h"
#include "tests/ptx/random.h"

namespace {

using namespace test;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

struct Outcome {
  std::string error;
  std::vector<uint64_t> words;
};

Outcome outcome(Engine& engine, const Program& program, uint64_t seed) {
  size_t threads = size_t{program.blocks} * program.threads;
  Outcome result;
  result.error = engine.load(program.text());
  if (!result.error.empty()) return result;
  auto in = random_input(seed, threads * words_in);
  result.words.assign(threads * words_out, 0);
  result.error = engine.run("k", {program.blocks, program.threads},
                            {reinterpret_cast<uint64_t>(in.data()), reinterpret_cast<uint64_t>(result.words.data())});
  return result;
}

// The empty string, or how the two differ.
std::string difference(Engine& one, Engine& other, const Program& program, uint64_t seed) {
  Outcome expected = outcome(one, program, seed), got = outcome(other, program, seed);
  if (!expected.error.empty() || !got.error.empty())
    return expected.error == got.error ? "" : "reference: " + expected.error + "; compiled: " + got.error;
  for (size_t i = 0; i < expected.words.size(); ++i) {
    if (expected.words[i] == got.words[i]) continue;
    char text[120];
    std::snprintf(text, sizeof text, "thread %zu, word %zu: expected %llx, got %llx", i / words_out, i % words_out,
                  static_cast<unsigned long long>(expected.words[i]), static_cast<unsigned long long>(got.words[i]));
    return text;
  }
  return "";
}

void compare(Engine& one, Engine& other, uint64_t seed) {
  Program program = random_program(seed);
  if (difference(one, other, program, seed).empty()) return;
  Program small = shrunk(program, [&](const Program& next) { return !difference(one, other, next, seed).empty(); });
  std::string pieces = small.text().substr(small.head.size());
  ADD_FAILURE() << "OUTBOARD_SEED=" << seed << ", " << small.blocks << " blocks of " << small.threads << ": "
                << difference(one, other, small, seed) << "\n"
                << pieces.substr(0, pieces.size() - small.tail.size());
  if (const char* path = std::getenv("OUTBOARD_SMALLEST")) std::ofstream(path) << small.text();
}

TEST(random_kernels, are_the_same_on_the_reference_and_compiled) {
  uint64_t first = setting("OUTBOARD_SEED", 1), count = setting("OUTBOARD_SEEDS", 40);
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    Reference reference;
    Compiled compiled;
    ASSERT_EQ(outcome(reference, random_program(seed), seed).error, "") << seed;
    compare(reference, compiled, seed);
  }
}

TEST(random_kernels, do_not_depend_on_the_order_of_blocks_or_the_number_of_workers) {
  uint64_t first = setting("OUTBOARD_SEED", 1) + 100000, count = setting("OUTBOARD_SEEDS", 40) / 5 + 1;
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    Reference forwards, backwards(true);
    compare(forwards, backwards, seed);
    Compiled alone(1), together(4);
    compare(alone, together, seed);
  }
}

}  // namespace
