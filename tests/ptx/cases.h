// What a file of tests/ptx holds: in its head, as comments, the rows of inputs and expected outputs of each of its
// kernels; below, the kernels.
//
//   // name: b32 f32 pred -> f32~2      types of the inputs and outputs; ~2: within two units of the last place
//   //   00000001 3f800000 1 -> 40000000   one row, hexadecimal; nan: any NaN
//
// A row's inputs and outputs lie in memory at 8 bytes each; thread (or block) number n computes row n. `warp` before
// the types: the threads of a kernel work together, so that it runs as one block and in no other form.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace test {

struct Value {
  std::string type;
  unsigned tolerance = 0;
};

struct Case {
  std::string name;
  bool together = false;
  std::vector<Value> inputs, outputs;
  std::vector<std::vector<uint64_t>> given, expected;  // by row
};

struct File {
  std::string text;
  std::vector<Case> cases;
};

// Aborts the test with a message where the file cannot be read.
File read_file(const std::string& path);
// Whether `got` is what was expected.
bool accepted(const Value& value, uint64_t expected, uint64_t got);

}  // namespace test
