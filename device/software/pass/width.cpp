// Counts the vectors that are wanted at once in loops. Narrow code repeats what is the same for the whole warp, and has
// less to do between two results that depend on each other: so a little too much is no reason yet.
#include "device/software/pass/width.h"

#include <algorithm>

#include "device/software/pass/instructions.h"
#include "device/software/pass/layout.h"
#include "device/software/pass/liveness.h"
#include "device/software/pass/stages.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::Special;

constexpr unsigned full = 32;
constexpr unsigned too_many = 4;   // times as many vectors as there are registers
constexpr unsigned at_a_time = 2;  // vectors of a loop that lanes leave one by one: one waits, the other computes
constexpr unsigned few = 8;        // lanes where one word of a warp fills half of the registers

// Programs may count on the lanes of a warp meeting even where the ISA does not say so: with volatile accesses.
bool minds_its_own_lane(const Instruction& instruction) {
  for (const Operand& operand : instruction.operands)
    if (operand.kind == Operand::special_register &&
        (operand.special == Special::laneid || operand.special == Special::warpid ||
         (operand.special >= Special::lanemask_eq && operand.special <= Special::lanemask_gt)))
      return false;
  switch (instruction.opcode) {
    case Opcode::bar:
    case Opcode::barrier: return !instruction.modifiers.has("warp");
    case Opcode::ld:
    case Opcode::st: return !is_strong(instruction.modifiers);
    case Opcode::bra:
    case Opcode::ret:
    case Opcode::exit: return true;
    default: return only_computes(instruction);
  }
}

bool is_shared(const Instruction& instruction, Opcode opcode) {
  return instruction.opcode == opcode && instruction.modifiers.space == ptx::Space::shared;
}

// Shared memory is written and then read with no barrier between: lanes of a warp may count on each other.
bool reads_behind_writes(const ptx::Function& kernel, const ControlFlow& flow) {
  std::vector<bool> written(flow.blocks.size(), false);  // where the block begins
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t block : flow.order) {
      bool now = written[block];
      for (uint32_t i = flow.blocks[block].first; i < flow.blocks[block].last; ++i) {
        const Instruction& instruction = kernel.body[i];
        if (instruction.opcode == Opcode::bar || instruction.opcode == Opcode::barrier) now = false;
        if (is_shared(instruction, Opcode::st)) now = true;
        if (now && is_shared(instruction, Opcode::ld)) return true;
      }
      for (uint32_t next : flow.blocks[block].successors) {
        if (!now || written[next]) continue;
        written[next] = changed = true;
      }
    }
  }
  return false;
}

// By block: whether it lies in one of the loops.
std::vector<bool> blocks_of(const ControlFlow& flow, const Layout& layout, const std::vector<Region>& loops) {
  std::vector<bool> inside(flow.blocks.size(), false);
  for (const Region& loop : loops)
    for (uint32_t at = loop.first; at < loop.last; ++at) inside[layout.order[at]] = true;
  return inside;
}

// The most words that a lane has in registers of its own within a loop.
unsigned most_words(const ptx::Function& kernel, const ControlFlow& flow, const Layout& layout,
                    const Uniformity& uniformity) {
  const std::vector<bool> inside = blocks_of(flow, layout, layout.regions);
  Liveness liveness(kernel, flow);
  unsigned most = 0;
  for (uint32_t block : flow.order) {
    if (!inside[block]) continue;
    unsigned words = 0;
    auto change = [&](uint32_t reg, bool wanted) {
      if (uniformity.shapes[reg].kind != Shape::varying) return;
      unsigned size = (ptx::bits(kernel.registers[reg].type) + 31) / 32;
      words = wanted ? words + size : words - size;
    };
    liveness.walk(block, change, [&] { most = std::max(most, words); });
  }
  return most;
}

// Lanes leave the loop one by one: those that are done wait for the others, the fewer the better.
bool lanes_part(const ptx::Function& kernel, const ControlFlow& flow, const Layout& layout, const Region& region,
                const Uniformity& uniformity) {
  const std::vector<bool> inside = blocks_of(flow, layout, {region});
  for (uint32_t at = region.first; at < region.last; ++at) {
    const Block& block = flow.blocks[layout.order[at]];
    bool leaves = std::ranges::any_of(block.successors, [&](uint32_t next) { return !inside[next]; });
    if (leaves && uniformity.splits(kernel.body[block.last - 1])) return true;
  }
  return false;
}

// The bytes of the widest number that each lane makes in the loop for itself.
unsigned widest_bytes(const ptx::Function& kernel, const ControlFlow& flow, const Layout& layout, const Region& region,
                      const Uniformity& uniformity) {
  unsigned bytes = 4;
  for (uint32_t at = region.first; at < region.last; ++at) {
    const Block& block = flow.blocks[layout.order[at]];
    for (uint32_t i = block.first; i < block.last; ++i)
      each_definition(kernel.body[i], [&](uint32_t reg) {
        if (uniformity.shapes[reg].kind == Shape::varying)
          bytes = std::max(bytes, ptx::bits(kernel.registers[reg].type) / 8);
      });
  }
  return bytes;
}

}  // namespace

unsigned lanes_at_once(const ptx::Module& module, const ptx::Function& kernel, VectorRegisters registers) {
  const bool short_vectors = registers.count * registers.bytes <= 2 * full * 4;
  const unsigned narrow = short_vectors ? few : registers.bytes / 4;
  if (narrow >= full || !std::ranges::all_of(kernel.body, minds_its_own_lane)) return full;
  ControlFlow flow = control_flow(kernel);
  Layout layout = lay_out(flow);
  if (!short_vectors && layout.regions.empty()) return full;
  if (reads_behind_writes(kernel, flow)) return full;
  Spins spins = find_spins(kernel, flow, layout);
  Uniformity shapes = uniformity(kernel, flow, Grouping{narrow, true, true, narrow}, spins.exits);
  if (!find_stages(module, kernel, flow, shapes, spins).any) return full;
  if (short_vectors) return narrow;
  bool meets = std::ranges::any_of(kernel.body, [](const Instruction& instruction) {
    return instruction.opcode == Opcode::bar || instruction.opcode == Opcode::barrier;
  });
  unsigned vectors = most_words(kernel, flow, layout, shapes) * full / narrow;
  if (meets && vectors > too_many * registers.count) return narrow;
  unsigned lanes = full;
  for (const Region& region : layout.regions)
    if (lanes_part(kernel, flow, layout, region, shapes))
      lanes = std::min(lanes, at_a_time * registers.bytes / widest_bytes(kernel, flow, layout, region, shapes));
  return std::max(lanes, narrow);
}

}  // namespace software
