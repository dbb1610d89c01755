// Runs blocks of a launch on one thread: warps are fibers, so that one may wait for another. Warps that never
// wait, or only where their code can be left and entered again (run/stages.cpp), run one after another on a single
// fiber.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "device/software/run/arena.h"
#include "device/software/run/cluster.h"
#include "device/software/run/fiber.h"
#include "device/software/run/job.h"
#include "device/software/run/watcher.h"

namespace software {

class Worker;
struct Block;

struct Reduced {
  uint32_t count = 0;  // lanes whose predicate held
  bool all = true, any = false;
};

struct Fiber {
  enum State : uint8_t { idle, ready, waiting };

  Fiber(size_t stack_bytes, Worker* owner) : stack(stack_bytes), worker(owner) {}

  Warp warp{};
  std::vector<Warp> warps;  // of a block whose kernel runs in stages; else none
  Stack stack;
  Worker* worker;
  Block* block = nullptr;
  State state = idle;
  void* context = nullptr;  // where to go on
  uint32_t barrier = 0;     // that it waits at
  uint32_t polls = 0;       // calls of outboard_yield
  size_t position = 0;      // in Block::fibers
  Reduced reduced;          // what that barrier's reduction gave
  Meeting meeting;          // what the warp did at its cluster's barrier
  Arena local, kept;
  alignas(64) uint8_t nowhere[128];  // where accesses go that were refused (watched.cpp)
};

// One of the 16 barriers of a block. Counts in warps: PTX ISA, "bar": a warp counts with all its threads.
struct Barrier {
  uint32_t arrived = 0;
  uint32_t expected = 0;  // 0: all warps of the block
  Reduced reduced;        // so far
};

struct Block {
  Job* job = nullptr;
  Worker* worker = nullptr;
  uint64_t index = 0;
  uint32_t at[3] = {};
  uint32_t next_warp = 0, exited = 0;
  uint64_t progress = 0;  // counts arrivals and exits
  Barrier barriers[16];
  bool met = false;            // a barrier was used
  std::vector<Fiber*> fibers;  // that hold an unfinished warp
  uint8_t* shared = nullptr;
  Arena shared_arena;
  Cluster* cluster = nullptr;  // nullptr: the block is one of its own
  uint32_t rank = 0;           // in its cluster
  Cluster alone;               // where it meets itself, if it asks to
  std::string printed;
  std::unique_ptr<BlockWatcher> watcher;  // nullptr: nobody watches

  bool done() const { return exited == job->launch.warps; }
  bool may_go_on() const;  // some warp does not wait
  // The fiber after this one that can go on; nullptr: none.
  Fiber* next_ready(const Fiber& fiber) const;
  Cluster& its_cluster();
  // Lets everyone pass who waits at a barrier that is now complete.
  void release(uint32_t barrier);
  void release_after_exit(Fiber& leaving);
};

// A thread's fibers and block states, kept from launch to launch. One thread only.
class Worker {
 public:
  // It takes no more blocks of a job whose priority is worse than `*give_way`.
  explicit Worker(uint32_t index, const std::atomic<int>* give_way = nullptr) : index_(index), give_way_(give_way) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Runs blocks of the job until none is left or the job failed.
  void run(Job& job);

  // --- for code that runs on a fiber
  Fiber& current() { return *current_; }
  void yield();                 // back to the scheduler; returns when it is this fiber's turn again
  void hand_over();             // to another fiber of the block that can go on, else as yield()
  [[noreturn]] void abandon();  // the job has failed: never comes back
  uint32_t index() const { return index_; }
  // Takes a cluster of blocks that nobody began, as if it had run: where its first block lies. False: none is left.
  bool cancel(uint32_t* at);

 private:
  static void fiber_main(void* fiber);
  void run_warps(Fiber& fiber);
  void run_stages(Fiber& fiber);
  bool run_stage(Fiber& fiber);
  bool gather_warps(Fiber& fiber);
  void report_deadlock(const Block& block);
  bool begin(Fiber& fiber);
  void next_warp(Fiber& fiber);
  bool next_block(Fiber& fiber);
  bool admit();
  void add_block(uint64_t index, Cluster* cluster);
  Cluster* get_cluster();
  bool may_go_on(const Block& block) const;
  size_t leave(size_t resident);
  void assign(Block& block, uint64_t index);
  void keep_printed(Block& block);
  void sweep(Block& block);
  bool take(uint64_t& index);
  bool step(Block& block);
  void start_fibers(Block& block);
  void resume(Fiber& fiber);
  void report(Fiber& fiber);
  void retire(size_t resident);
  void drop_all();
  Fiber* get_fiber();

  const uint32_t index_;
  const std::atomic<int>* const give_way_;
  Job* job_ = nullptr;
  Fiber* current_ = nullptr;
  void* scheduler_ = nullptr;  // where the fiber that runs comes back to
  uint64_t chunk_next_ = 0, chunk_end_ = 0;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  std::vector<std::unique_ptr<Block>> blocks_;  // the first residents_ are in use
  size_t residents_ = 0;
  std::vector<std::unique_ptr<Cluster>> clusters_;
};

}  // namespace software
