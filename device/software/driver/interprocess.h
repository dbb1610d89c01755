// An event that several processes record and wait for: two counters in shared memory.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/shared_memory.h"

namespace software {

class InterprocessEvent {
 public:
  static std::shared_ptr<InterprocessEvent> create();                                    // nullptr: no memory
  static std::shared_ptr<InterprocessEvent> open(const base::SharedMemoryToken& token);  // nullptr: it is gone
  ~InterprocessEvent();
  InterprocessEvent(const InterprocessEvent&) = delete;
  InterprocessEvent& operator=(const InterprocessEvent&) = delete;

  // Announces a record, by this process; the number is to be completed when its stream gets there.
  uint64_t announce();
  void complete(uint64_t record);
  // The last record that was announced anywhere; 0: none.
  uint64_t last() const;
  bool reached(uint64_t record) const;
  // Returns when the record is reached, or when the process that announced the last one is gone.
  void wait(uint64_t record) const;
  base::SharedMemoryToken token() const { return memory_.token(); }

 private:
  struct Counters {
    std::atomic<uint64_t> announced, completed;
    std::atomic<int32_t> process;  // that announced last
  };
  InterprocessEvent(base::SharedMemory memory, Counters* counters) : memory_(std::move(memory)), counters_(counters) {}
  static std::shared_ptr<InterprocessEvent> map(base::SharedMemory memory);

  base::SharedMemory memory_;
  Counters* counters_;
};

}  // namespace software
