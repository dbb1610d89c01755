// Which code is a kernel's, and which line of its PTX a place in it belongs to.
#pragma once
#include <cstdint>
#include <string>

namespace software {

struct Warp;

// The machine code of one kernel. Registered code stays for good.
class KernelCode {
 public:
  KernelCode(uint64_t begin, uint64_t end) : begin(begin), end(end) {}
  virtual ~KernelCode() = default;
  // Is the address in a function that serves many places of the kernel? The caller's is then the one that counts.
  virtual bool is_shared(uint64_t address) const = 0;
  // "12" or "12 (saxpy.cu:3)"; empty: not known.
  virtual std::string line(uint64_t address) const = 0;

  const uint64_t begin, end;

 private:
  friend void register_code(KernelCode*);
  friend const KernelCode* find_code(uint64_t address);
  KernelCode* next_ = nullptr;
};

void register_code(KernelCode* code);
// nullptr: no kernel's. May be called by a signal handler.
const KernelCode* find_code(uint64_t address);

struct CodePlace {
  std::string line;
  bool shared = false;  // in a function that goes lane by lane
};
// In a function that generated code calls: the call.
#define CALL_SITE (reinterpret_cast<uint64_t>(__builtin_return_address(0)) - 1)
// Where machine code at `address` was; `frame`: what the frame pointer held there.
CodePlace find_place(uint64_t address, uint64_t frame);
// Where that warp's code was at `address`; `frame`: what the frame pointer held there.
CodePlace find_place(const Warp& warp, uint64_t address, uint64_t frame);

}  // namespace software
