// Runs every file of tests/ptx on the reference and on compiled code: rows as threads, whose operands are vectors, and
// as blocks of one thread, whose operands are scalars.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/ptx/cases.h"
#include "tests/ptx/engines.h"

namespace {

using namespace test;

std::string hexadecimal(const std::vector<uint64_t>& values) {
  std::string text;
  char word[20];
  for (uint64_t value : values)
    std::snprintf(word, sizeof word, " %llx", static_cast<unsigned long long>(value)), text += word;
  return text;
}

void check(const Case& one, Engine& engine, Shape shape, const char* where) {
  size_t rows = one.given.size(), in = one.inputs.size(), out = one.outputs.size();
  std::vector<uint64_t> given(rows * in + 1), got(rows * out, 0);
  for (size_t i = 0; i < rows; ++i)
    std::copy(one.given[i].begin(), one.given[i].end(), given.begin() + static_cast<long>(i * in));
  std::string error =
      engine.run(one.name, shape, {reinterpret_cast<uint64_t>(given.data()), reinterpret_cast<uint64_t>(got.data())});
  ASSERT_EQ(error, "") << one.name << ", " << where;
  int wrong = 0;
  for (size_t i = 0; i < rows; ++i)
    for (size_t o = 0; o < out; ++o) {
      if (accepted(one.outputs[o], one.expected[i][o], got[i * out + o])) continue;
      if (++wrong <= 3)
        ADD_FAILURE() << one.name << ", " << where << ": of" << hexadecimal(one.given[i]) << " expected"
                      << hexadecimal({one.expected[i][o]}) << ", got" << hexadecimal({got[i * out + o]});
    }
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

class instruction : public testing::TestWithParam<std::string> {};

TEST_P(instruction, gives_the_expected_values) {
  File file = read_file(GetParam());
  ASSERT_FALSE(file.cases.empty()) << GetParam();
  Reference reference;
  Compiled threads, blocks;
  std::string scalar = replaced(file.text, "%tid.x", "%ctaid.x");
  ASSERT_EQ(reference.load(file.text), "");
  ASSERT_EQ(threads.load(file.text), "");
  // Scalars are the same code for every processor but for its choice of instructions: once is enough.
  const char* processor = std::getenv("OUTBOARD_CPU");
  bool scalars = !processor || std::string(processor) == "native";
  ASSERT_EQ(scalars ? blocks.load(scalar) : "", "");
  for (const Case& one : file.cases) {
    auto rows = static_cast<uint32_t>(one.given.size());
    ASSERT_GT(rows, 0u) << one.name;
    check(one, reference, {1, rows}, "reference");
    check(one, threads, {1, rows}, "compiled, a thread each");
    if (scalars && !one.together) check(one, blocks, {rows, 1}, "compiled, a block each");
  }
}

std::vector<std::string> files() {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(PTX_FILES))
    if (entry.path().extension() == ".ptx") all.push_back(entry.path().string());
  std::sort(all.begin(), all.end());
  return all;
}

std::string stem(const testing::TestParamInfo<std::string>& info) {
  std::string name = std::filesystem::path(info.param).stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(ptx, instruction, testing::ValuesIn(files()), stem);

}  // namespace
