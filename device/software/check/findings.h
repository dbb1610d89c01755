// What the checks have found: each thing once, with how often it happened, printed on standard error. Thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace software {

class Findings {
 public:
  // One more of what `kind` is at that place of a kernel's code. `describe` is asked for the text the first time only:
  // a line that says what it is, and lines that say more. What has the same first two lines is the same.
  void add(uint64_t place, uint32_t kind, const std::function<std::vector<std::string>()>& describe);
  // The same for what is found outside of kernels.
  void add(std::vector<std::string> lines);
  // Prints what is new since the last time.
  void print();
  uint64_t count() const;  // of things

 private:
  struct Finding {
    std::vector<std::string> lines;
    uint64_t times = 1;
    bool printed = false;
  };
  static constexpr size_t most_printed = 100;

  mutable std::mutex lock_;
  std::vector<Finding> all_;
  std::map<std::pair<uint64_t, uint32_t>, size_t> by_place_;
  std::map<std::string, size_t> by_text_;
  size_t next_ = 0;  // to be printed
};

}  // namespace software
