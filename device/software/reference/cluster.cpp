// Clusters. Here every block is a cluster of its own: its rank is 0, and its shared memory is all there is.
#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {

using ptx::Opcode;
using ptx::Type;

bool execute_cluster(Thread& thread, const ptx::Instruction& instruction) {
  const auto& operands = instruction.operands;
  switch (instruction.opcode) {
    case Opcode::mapa:
      if (thread.read(operands.at(2), Type::u32) != 0) throw Fault{"a rank beyond the cluster", instruction.line};
      thread.write(operands[0], thread.read(operands[1], instruction.modifiers.type), instruction.modifiers.type);
      return true;
    case Opcode::getctarank: thread.write(operands.at(0), 0, Type::u32); return true;
    case Opcode::createpolicy: thread.write(operands.at(0), 0, Type::b64); return true;
    default: return false;
  }
}

// PTX ISA, "barrier.cluster": arrive does not wait; wait does, until all threads that have not exited have arrived.
bool at_cluster_barrier(const ptx::Instruction& instruction) {
  return instruction.opcode == Opcode::barrier && instruction.modifiers.has("cluster");
}

void meet_cluster(Thread& thread, const ptx::Instruction& instruction) {
  Block& block = *thread.block;
  if (instruction.modifiers.has("arrive")) {
    thread.cluster_phase = block.cluster_phase;
    ++block.cluster_arrived;
    ++thread.frame().next;
  } else {
    thread.state = Thread::waiting;
  }
}

bool release_cluster(Block& block) {
  uint32_t alive = 0, going_on = 0;
  for (const Thread& thread : block.threads) alive += thread.state != Thread::exited;
  if (block.cluster_arrived && block.cluster_arrived >= alive) {
    block.cluster_arrived = 0;
    ++block.cluster_phase;
  }
  for (Thread& thread : block.threads) {
    bool waits = thread.state == Thread::waiting && at_cluster_barrier(thread.instruction());
    if (!waits || thread.cluster_phase == block.cluster_phase) continue;
    ++thread.frame().next;
    thread.state = Thread::running;
    ++going_on;
  }
  return going_on != 0;
}

}  // namespace reference
