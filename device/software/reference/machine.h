// A plain machine that executes PTX one thread and one instruction at a time. It is the specification that compiled
// code is tested against, so it is written for reading and shares only the parser with the code generator.
//
// Each thread has a program counter of its own and runs until it has to wait for others: at a barrier of its block,
// or at an instruction that the lanes of a warp execute together. Memory addresses are the host's.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/software/ptx/ast.h"

namespace reference {

inline constexpr uint32_t warp_size = 32;

struct Fault {  // thrown where a program cannot go on; Machine::run turns it into text
  std::string text;
  uint32_t line = 0;
};
[[noreturn]] void unsupported(const ptx::Instruction& instruction);

struct Launch {
  uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  uint32_t dynamic_shared = 0;      // bytes
  std::vector<uint8_t> parameters;  // laid out as the kernel's parameters are
  bool backwards = false;           // start with the last block
};

// One activation of a function.
struct Frame {
  const ptx::Function* function = nullptr;
  uint32_t next = 0;                                  // index into function->body
  std::vector<uint64_t> registers;                    // by register; bits above a register's width are 0
  std::vector<uint64_t> upper;                        // by register: the upper half of one of 128 bits
  std::vector<uint64_t> address_of;                   // by function variable
  std::vector<uint8_t> memory;                        // its .local and .param variables
  std::vector<std::unique_ptr<uint8_t[]>> allocated;  // by alloca
};

struct Block;

struct Thread {
  enum State : uint8_t { running, waiting, exited };

  Block* block = nullptr;
  uint32_t number = 0;  // linear within the block (PTX ISA, "Thread Hierarchy"): x runs fastest
  uint32_t index[3] = {};
  std::vector<Frame> frames;
  bool carry = false;  // the condition code register CC.CF
  uint64_t ticks = 0;  // of the clocks: one whenever one is read
  State state = running;
  uint64_t cluster_phase = 0;  // in which it arrived at the cluster's barrier

  uint32_t lane() const { return number % warp_size; }
  uint32_t warp() const { return number / warp_size; }
  Frame& frame() { return frames.back(); }
  const ptx::Instruction& instruction() { return frame().function->body[frame().next]; }

  // operands.cpp: `type` says how many bits are meant; registers may be wider or narrower.
  uint64_t read(const ptx::Operand& operand, ptx::Type type);
  int64_t read_signed(const ptx::Operand& operand, ptx::Type type);
  bool read_predicate(const ptx::Operand& operand);
  // Destinations wider than `type` are filled with its sign, or with zeros.
  void write(const ptx::Operand& operand, uint64_t value, ptx::Type type);
  void write_predicate(const ptx::Operand& operand, bool value);
  // Of 128 bits: a register, or two of 64 bits as a vector. Constants are extended with zeros.
  unsigned __int128 read_wide(const ptx::Operand& operand);
  void write_wide(const ptx::Operand& operand, unsigned __int128 value);
  uint64_t address(const ptx::Operand& operand, ptx::Space space);
  uint64_t special(ptx::Special special);
  bool guarded_off(const ptx::Instruction& instruction);

 private:
  uint64_t symbol(const ptx::Operand& operand);
};

// One of the 16 barriers of a block.
struct Barrier {
  std::vector<Thread*> waiting;
  std::vector<uint32_t> arrived;  // by warp: how many of its threads
  uint32_t expected = 0;          // threads, 0: all of the block
  uint32_t count = 0;             // of true predicates (bar.red)
  bool all = true, any = false;
};

// An mbarrier object; phases count from 0.
struct Mbarrier {
  uint64_t phase = 0, pending = 0, expected = 0;
  int64_t bytes = 0;  // the tx-count
};

class Machine;

struct Block {
  const Machine* machine = nullptr;
  const Launch* launch = nullptr;
  const uint8_t* parameters = nullptr;
  uint32_t index[3] = {};
  std::vector<Thread> threads;
  std::vector<uint8_t> shared_storage;
  uint8_t* shared = nullptr;  // 128-aligned, in shared_storage
  uint32_t shared_bytes = 0;
  Barrier barriers[16];
  std::map<uint64_t, Mbarrier> mbarriers;  // by address
  uint32_t cluster_arrived = 0;            // threads, at the cluster's barrier
  uint64_t cluster_phase = 1;

  void run();

 private:
  bool step_threads();
  bool meet_in_warps();
  bool meet_in_warp(uint32_t warp);
  bool meet_at_barriers();
};

// A loaded module. Not thread-safe: one launch at a time.
class Machine {
 public:
  // The empty string, or why the text cannot be run.
  std::string load(const std::string& text);
  // Runs one kernel to its end; the empty string, or what went wrong.
  std::string run(const std::string& kernel, const Launch& launch);

  const ptx::Module& module() const { return module_; }
  uint64_t variable_address(uint32_t index) const { return addresses_[index]; }  // of .shared: the offset
  uint32_t shared_offset(const ptx::Function& function) const;
  uint32_t static_shared() const { return shared_end_; }

 private:
  void place();

  ptx::Module module_;
  std::vector<uint64_t> addresses_;
  std::vector<uint32_t> function_shared_;
  std::vector<std::unique_ptr<uint8_t[]>> storage_;
  uint32_t shared_end_ = 0;
};

// control.cpp: a new activation, its variables placed.
Frame enter(const Block& block, const ptx::Function& function);

// What a function's address is as a number: anything but 0 that tells functions apart.
constexpr uint64_t function_address(uint64_t index) { return 0x100 + 16 * index; }

// The families, one file each. Each executes one instruction for one thread and moves nothing but that thread's
// registers and memory; false: the instruction is another family's.
bool execute_integer(Thread& thread, const ptx::Instruction& instruction);
bool execute_float(Thread& thread, const ptx::Instruction& instruction);
bool execute_bits(Thread& thread, const ptx::Instruction& instruction);
bool execute_convert(Thread& thread, const ptx::Instruction& instruction);
bool execute_compare(Thread& thread, const ptx::Instruction& instruction);
bool execute_memory(Thread& thread, const ptx::Instruction& instruction);
bool execute_atomic(Thread& thread, const ptx::Instruction& instruction);
bool execute_video(Thread& thread, const ptx::Instruction& instruction);
bool execute_async(Thread& thread, const ptx::Instruction& instruction);
bool execute_cluster(Thread& thread, const ptx::Instruction& instruction);
bool execute_control(Thread& thread, const ptx::Instruction& instruction);  // moves frame().next itself

// atomics.cpp: what the instruction's operation makes of a value in memory.
uint64_t updated(const ptx::Instruction& instruction, uint64_t old, uint64_t with, ptx::Type type);

// Instructions that lanes execute together (warp.cpp, matrix.cpp). `members` are in the order of their lanes; each
// stands at its own copy of the instruction.
bool is_collective(const ptx::Instruction& instruction);
// activemask, and shuffles and votes of before sm_70, which had no member masks.
bool takes_whoever_is_here(const ptx::Instruction& instruction);
uint32_t named_members(Thread& thread, const ptx::Instruction& instruction);  // the member mask
void execute_together(const std::vector<Thread*>& members);
bool execute_matrix(const std::vector<Thread*>& members);

// Barriers of the block (barrier.cpp).
bool is_barrier(const ptx::Instruction& instruction);
void arrive(Thread& thread, const ptx::Instruction& instruction);
bool release(Block& block, Barrier& barrier);  // true: it was complete, and its threads go on

// The barrier of a cluster (cluster.cpp).
bool at_cluster_barrier(const ptx::Instruction& instruction);
void meet_cluster(Thread& thread, const ptx::Instruction& instruction);
bool release_cluster(Block& block);  // true: threads go on

}  // namespace reference
