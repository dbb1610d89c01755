#include "tests/ptx/cases.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "device/software/reference/values.h"

namespace test {
namespace {

unsigned bits_of(const std::string& type) {
  if (type == "pred") return 1;
  if (type.ends_with("x2")) return 32;
  return static_cast<unsigned>(std::stoul(type.substr(type.find_first_of("0123456789"))));
}

ptx::Type float_type(const std::string& type) {
  return type == "f16"    ? ptx::Type::f16
         : type == "bf16" ? ptx::Type::bf16
         : type == "f32"  ? ptx::Type::f32
         : type == "f64"  ? ptx::Type::f64
                          : ptx::Type::none;
}

bool is_nan(const std::string& type, uint64_t bits) {
  if (type == "f16x2" || type == "bf16x2") return false;
  ptx::Type real = float_type(type);
  return real != ptx::Type::none && reference::decode(bits, reference::format_of(real)).kind == reference::Number::nan;
}

uint64_t value_of(const std::string& word, const std::string& type) {
  if (word != "nan") return std::stoull(word, nullptr, 16);
  return reference::canonical_nan(reference::format_of(float_type(type)));
}

// Bit patterns of floats as integers that count upwards with the number.
int64_t place(uint64_t bits, unsigned width) {
  int64_t number = reference::sign_extended(bits, width);
  return number < 0 ? static_cast<int64_t>(~reference::ones(width - 1) - static_cast<uint64_t>(number)) : number;
}

Case heading(const std::string& line) {
  Case made;
  std::istringstream words(line);
  std::string word;
  words >> made.name;
  made.name.pop_back();  // the colon
  std::vector<Value>* list = &made.inputs;
  while (words >> word) {
    if (word == "warp") {
      made.together = true;
    } else if (word == "->") {
      list = &made.outputs;
    } else {
      size_t tilde = word.find('~');
      unsigned tolerance = tilde == std::string::npos ? 0 : static_cast<unsigned>(std::stoul(word.substr(tilde + 1)));
      list->push_back({word.substr(0, tilde), tolerance});
    }
  }
  return made;
}

}  // namespace

bool accepted(const Value& value, uint64_t expected, uint64_t got) {
  unsigned width = bits_of(value.type);
  got = reference::cut(got, width);
  if (is_nan(value.type, expected)) return is_nan(value.type, got);
  if (value.type == "f16x2" || value.type == "bf16x2") {  // each half by itself
    Value half{value.type.substr(0, value.type.size() - 2), value.tolerance};
    return accepted(half, expected & 0xffff, got & 0xffff) && accepted(half, expected >> 16, got >> 16);
  }
  if (value.tolerance == 0 || is_nan(value.type, got)) return got == expected;
  int64_t distance = place(got, width) - place(expected, width);
  return distance <= value.tolerance && -distance <= static_cast<int64_t>(value.tolerance);
}

File read_file(const std::string& path) {
  File file;
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::string line;
  while (std::getline(in, line)) {
    file.text += line + "\n";
    bool row = line.rfind("//   ", 0) == 0, head = !row && line.rfind("// ", 0) == 0;
    if (head && line.find(": ") != std::string::npos && line.find(" -> ") != std::string::npos)
      file.cases.push_back(heading(line.substr(3)));
    if (!row || file.cases.empty()) continue;
    Case& now = file.cases.back();
    std::istringstream words(line.substr(5));
    std::string word;
    std::vector<uint64_t> given, expected;
    for (const Value& value : now.inputs) words >> word, given.push_back(value_of(word, value.type));
    words >> word;
    EXPECT_EQ(word, "->") << path << ": " << line;
    for (const Value& value : now.outputs) words >> word, expected.push_back(value_of(word, value.type));
    EXPECT_TRUE(words) << path << ": " << line;
    now.given.push_back(given);
    now.expected.push_back(expected);
  }
  return file;
}

}  // namespace test
