// The ways to run a PTX module that the tests compare: the reference, and compiled code.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/software/codegen/compiler.h"
#include "device/software/reference/machine.h"

namespace test {

struct Shape {
  uint32_t blocks = 1, threads = 32;
};

// Every call returns the empty string, or what went wrong. Parameters have 8 bytes each.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string load(const std::string& text) = 0;
  virtual std::string run(const std::string& kernel, Shape shape, const std::vector<uint64_t>& parameters) = 0;
};

class Reference : public Engine {
 public:
  explicit Reference(bool backwards = false) : backwards_(backwards) {}
  std::string load(const std::string& text) override { return machine_.load(text); }
  std::string run(const std::string& kernel, Shape shape, const std::vector<uint64_t>& parameters) override;

 private:
  reference::Machine machine_;
  bool backwards_;
};

class Compiled : public Engine {  // for the processor that OUTBOARD_CPU names
 public:
  explicit Compiled(unsigned workers = 2) : workers_(workers) {}
  std::string load(const std::string& text) override;
  std::string run(const std::string& kernel, Shape shape, const std::vector<uint64_t>& parameters) override;

 private:
  unsigned workers_;
  std::vector<std::unique_ptr<uint8_t[]>> memory_;  // outlives the program
  std::unique_ptr<software::Program> program_;
};

}  // namespace test
