// Loading a module and running a grid: blocks one after another, the threads of a block in turns.
#include "device/software/reference/machine.h"

#include <algorithm>
#include <cstring>

#include "device/software/ptx/parser.h"

namespace reference {
namespace {

using ptx::Space;

constexpr int turn = 1000;  // instructions that a thread executes before the next one has its turn

uint64_t aligned(uint64_t value, uint64_t alignment) {
  alignment = std::max<uint64_t>(alignment, 1);
  return (value + alignment - 1) / alignment * alignment;
}

using Family = bool (*)(Thread&, const ptx::Instruction&);
constexpr Family families[] = {execute_async,   execute_integer, execute_bits,   execute_float,   execute_convert,
                               execute_compare, execute_memory,  execute_atomic, execute_cluster, execute_video};

void execute(Thread& thread, const ptx::Instruction& instruction) {
  if (execute_control(thread, instruction)) return;
  bool known =
      std::any_of(std::begin(families), std::end(families), [&](Family family) { return family(thread, instruction); });
  if (!known) unsupported(instruction);
  ++thread.frame().next;
}

// Up to one turn; ends early where the thread has to wait.
void run_thread(Thread& thread) {
  for (int i = 0; i < turn && thread.state == Thread::running; ++i) {
    if (thread.frame().next >= thread.frame().function->body.size()) {  // falling off the end returns
      static const ptx::Instruction ret = [] {
        ptx::Instruction made;
        made.opcode = ptx::Opcode::ret;
        return made;
      }();
      execute_control(thread, ret);
      continue;
    }
    const ptx::Instruction& instruction = thread.instruction();
    if (thread.guarded_off(instruction)) {
      ++thread.frame().next;
    } else if (is_collective(instruction)) {
      thread.state = Thread::waiting;
    } else if (is_barrier(instruction)) {
      arrive(thread, instruction);
    } else if (at_cluster_barrier(instruction)) {
      meet_cluster(thread, instruction);
    } else {
      execute(thread, instruction);
    }
  }
}

}  // namespace

void unsupported(const ptx::Instruction& instruction) {
  std::string text = ptx::word(instruction.opcode);
  for (const std::string& word : instruction.modifiers.words) text += "." + word;
  throw Fault{"the reference does not know '" + text + "'", instruction.line};
}

bool Block::step_threads() {
  bool any = false;
  for (Thread& thread : threads) {
    if (thread.state != Thread::running) continue;
    run_thread(thread);
    any = true;
  }
  return any;
}

// PTX ISA, "shfl.sync" and its kin: a thread waits until all threads of its member mask that have not exited execute
// the same instruction with the same mask.
bool Block::meet_in_warp(uint32_t warp) {
  auto first = threads.begin() + warp * warp_size;
  auto last = threads.begin() + std::min<size_t>((warp + 1) * warp_size, threads.size());
  auto waits = [](Thread& thread) { return thread.state == Thread::waiting && is_collective(thread.instruction()); };
  for (auto leader = first; leader != last; ++leader) {
    if (!waits(*leader)) continue;
    const auto& instruction = leader->instruction();
    bool whoever_is_here = takes_whoever_is_here(instruction);
    uint32_t mask = named_members(*leader, instruction);
    std::vector<Thread*> members;
    bool complete = true;
    for (auto other = first; other != last; ++other) {
      if (!(mask >> other->lane() & 1) || other->state == Thread::exited) continue;
      bool together = waits(*other) && other->instruction().opcode == instruction.opcode &&
                      other->instruction().modifiers.words == instruction.modifiers.words &&
                      named_members(*other, other->instruction()) == mask;
      if (whoever_is_here) {  // nobody else of the warp can come before somebody here goes on
        if (other->state == Thread::running) complete = false;
        together = together && &other->instruction() == &instruction;
      }
      if (together) members.push_back(&*other);
      complete = complete && (together || whoever_is_here);
    }
    if (!complete) continue;
    if (std::find(members.begin(), members.end(), &*leader) == members.end())
      throw Fault{"a thread is no member of its own mask", instruction.line};
    execute_together(members);
    for (Thread* member : members) {
      ++member->frame().next;
      member->state = Thread::running;
    }
    return true;
  }
  return false;
}

bool Block::meet_in_warps() {
  bool any = false;
  for (uint32_t warp = 0; warp * warp_size < threads.size(); ++warp) any = meet_in_warp(warp) || any;
  return any;
}

bool Block::meet_at_barriers() {
  bool any = release_cluster(*this);
  for (Barrier& barrier : barriers) any = release(*this, barrier) || any;
  return any;
}

void Block::run() {
  auto alive = [&] {
    return std::find_if(threads.begin(), threads.end(),
                        [](const Thread& thread) { return thread.state != Thread::exited; });
  };
  while (alive() != threads.end()) {
    bool moved = step_threads();
    moved = meet_in_warps() || moved;
    moved = meet_at_barriers() || moved;
    if (!moved) throw Fault{"every thread waits for another", alive()->instruction().line};
  }
}

void Machine::place() {
  addresses_.assign(module_.variables.size(), 0);
  function_shared_.assign(module_.functions.size(), 0);
  shared_end_ = 0;
  for (size_t i = 0; i < module_.variables.size(); ++i) {
    const ptx::Variable& variable = module_.variables[i];
    if (variable.space == Space::shared) {
      if (variable.size == 0) continue;  // dynamic: behind all others
      shared_end_ = static_cast<uint32_t>(aligned(shared_end_, variable.alignment));
      addresses_[i] = shared_end_;
      shared_end_ += static_cast<uint32_t>(variable.size);
    } else {
      storage_.push_back(std::make_unique<uint8_t[]>(variable.size + 256));
      addresses_[i] = aligned(reinterpret_cast<uint64_t>(storage_.back().get()), 256);
      std::memcpy(reinterpret_cast<void*>(addresses_[i]), variable.initial.data(), variable.initial.size());
    }
  }
  for (size_t i = 0; i < module_.functions.size(); ++i) {
    function_shared_[i] = shared_end_;
    for (const ptx::Variable& variable : module_.functions[i].variables)
      if (variable.space == Space::shared)
        shared_end_ = static_cast<uint32_t>(aligned(shared_end_, variable.alignment) + variable.size);
  }
  uint64_t alignment = 16;
  for (const ptx::Variable& variable : module_.variables)
    if (variable.space == Space::shared && variable.size == 0)
      alignment = std::max<uint64_t>(alignment, variable.alignment);
  shared_end_ = static_cast<uint32_t>(aligned(shared_end_, alignment));
  for (size_t i = 0; i < module_.variables.size(); ++i) {
    const ptx::Variable& variable = module_.variables[i];
    if (variable.space == Space::shared && variable.size == 0) addresses_[i] = shared_end_;
    for (const auto& relocation : variable.relocations) {
      uint64_t value = relocation.function ? function_address(relocation.index) : addresses_[relocation.index];
      value += static_cast<uint64_t>(relocation.addend);
      std::memcpy(reinterpret_cast<uint8_t*>(addresses_[i]) + relocation.offset, &value, relocation.size);
    }
  }
}

uint32_t Machine::shared_offset(const ptx::Function& function) const {
  return function_shared_[static_cast<size_t>(&function - module_.functions.data())];
}

std::string Machine::load(const std::string& text) {
  ptx::Error error;
  module_ = {};
  storage_.clear();
  if (!ptx::parse(text, module_, error)) return "line " + std::to_string(error.line) + ": " + error.text;
  place();
  return {};
}

std::string Machine::run(const std::string& kernel, const Launch& launch) {
  int32_t found = module_.find_function(kernel);
  if (found < 0) return "no kernel " + kernel;
  const ptx::Function& function = module_.functions[static_cast<size_t>(found)];
  const uint32_t *grid = launch.grid, *size = launch.block;
  uint64_t blocks = uint64_t{grid[0]} * grid[1] * grid[2];
  uint32_t threads = size[0] * size[1] * size[2];
  for (uint64_t i = 0; i < blocks; ++i) {
    uint64_t number = launch.backwards ? blocks - 1 - i : i;
    Block block;
    block.machine = this;
    block.launch = &launch;
    block.parameters = launch.parameters.data();
    block.index[0] = static_cast<uint32_t>(number % grid[0]);
    block.index[1] = static_cast<uint32_t>(number / grid[0] % grid[1]);
    block.index[2] = static_cast<uint32_t>(number / grid[0] / grid[1]);
    block.shared_bytes = shared_end_ + launch.dynamic_shared;
    block.shared_storage.resize(block.shared_bytes + 256);
    block.shared = reinterpret_cast<uint8_t*>(aligned(reinterpret_cast<uint64_t>(block.shared_storage.data()), 128));
    block.threads.resize(threads);
    for (uint32_t n = 0; n < threads; ++n) {
      Thread& thread = block.threads[n];
      thread.block = &block;
      thread.number = n;
      thread.index[0] = n % size[0];
      thread.index[1] = n / size[0] % size[1];
      thread.index[2] = n / size[0] / size[1];
      thread.frames.push_back(enter(block, function));
    }
    try {
      block.run();
    } catch (const Fault& fault) {
      return "kernel " + kernel + ", line " + std::to_string(fault.line) + ": " + fault.text;
    }
  }
  return {};
}

}  // namespace reference
