// The barriers of a block: bar and barrier with sync, arrive and red (PTX ISA, "bar, barrier").
#include <algorithm>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Type;

bool reduces(const ptx::Instruction& instruction) { return instruction.modifiers.has("red"); }

}  // namespace

bool is_barrier(const ptx::Instruction& instruction) {
  bool word = instruction.opcode == Opcode::bar || instruction.opcode == Opcode::barrier;
  return word && !instruction.modifiers.has("warp") && !instruction.modifiers.has("cluster");
}

void arrive(Thread& thread, const ptx::Instruction& instruction) {
  // bar.red d, a {, b}, p: the destination comes first, the predicate last.
  size_t first = reduces(instruction) ? 1 : 0,
         operands = instruction.operands.size() - first - (reduces(instruction) ? 1 : 0);
  auto number = static_cast<size_t>(thread.read(instruction.operands.at(first), Type::u32));
  if (number >= 16) throw Fault{"a barrier beyond the 16th", instruction.line};
  Barrier& barrier = thread.block->barriers[number];
  barrier.expected = operands > 1 ? static_cast<uint32_t>(thread.read(instruction.operands[first + 1], Type::u32)) : 0;
  barrier.arrived.resize((thread.block->threads.size() + warp_size - 1) / warp_size);
  ++barrier.arrived[thread.warp()];
  if (reduces(instruction)) {
    bool truth = thread.read_predicate(instruction.operands.back());
    barrier.count += truth;
    barrier.all = barrier.all && truth;
    barrier.any = barrier.any || truth;
  }
  if (instruction.modifiers.has("arrive")) {
    ++thread.frame().next;
    return;
  }
  barrier.waiting.push_back(&thread);
  thread.state = Thread::waiting;
}

// A warp counts with all its threads, once those that still live have arrived (PTX ISA: "the barrier instructions
// are executed on a per-warp basis"). Warps that have ended are not waited for.
bool release(Block& block, Barrier& barrier) {
  if (barrier.arrived.empty()) return false;
  uint32_t counted = 0, needed = barrier.expected;
  for (uint32_t warp = 0; warp < barrier.arrived.size(); ++warp) {
    uint32_t alive = 0;
    for (const Thread& thread : block.threads) alive += thread.warp() == warp && thread.state != Thread::exited;
    if (barrier.arrived[warp] >= alive && barrier.arrived[warp] > 0) counted += warp_size;
    if (!barrier.expected && alive) needed += warp_size;
  }
  if (counted < needed) return false;
  Barrier done = std::move(barrier);
  barrier = Barrier{};
  for (Thread* thread : done.waiting) {
    const ptx::Instruction& instruction = thread->instruction();
    const auto& modifiers = instruction.modifiers;
    if (reduces(instruction)) {
      if (modifiers.has("popc"))
        thread->write(instruction.operands[0], done.count, Type::u32);
      else
        thread->write_predicate(instruction.operands[0], modifiers.has("and") ? done.all : done.any);
    }
    ++thread->frame().next;
    thread->state = Thread::running;
  }
  return true;
}

}  // namespace reference
