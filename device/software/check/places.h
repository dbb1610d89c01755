// What kernels may touch besides the memory of their own block: allocations, variables of modules, host memory that is
// shared with the device. Thread-safe.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "device/software/run/job.h"
#include "device/software/run/window.h"

namespace software {

struct MemoryRange {
  uint64_t begin = 0, end = 0;
  bool tracked = false;  // what the program has written there is known
};

class Places {
 public:
  explicit Places(Memory& memory) : memory_(memory) {}

  // The one that holds `address`, for a kernel of this job.
  std::optional<MemoryRange> find(uint64_t address, const Job& job);
  // Another number whenever an answer of find() may have changed.
  uint64_t changes() const { return memory_.changes(); }

  void add_host(uint64_t address, uint64_t size);
  void remove_host(uint64_t address);
  void add_variable(const std::string& name, uint64_t address, uint64_t size);

  // "3 bytes behind the allocation of 4096 bytes at 0x...": where an access of so many bytes goes.
  std::string describe(uint64_t address, uint64_t bytes, const Job* job);

 private:
  struct Named {
    uint64_t end;
    std::string name;
  };
  struct Range {
    std::string what;
    uint64_t begin, end;
    bool open = true;
  };
  std::optional<MemoryRange> find_variable(uint64_t address, const Allocation& module);
  std::optional<Range> nearest(uint64_t address, const Job* job);

  Memory& memory_;
  std::mutex lock_;
  std::map<uint64_t, uint64_t> host_;    // begin -> end
  std::map<uint64_t, Named> variables_;  // by begin
};

}  // namespace software
