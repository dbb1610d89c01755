// Operands: registers, constants, special registers, addresses (PTX ISA, "Instruction Operands").
#include <bit>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {

using ptx::Operand;
using ptx::Space;
using ptx::Special;
using ptx::Type;

namespace {

// PTX ISA, "Floating-Point Constants": 0f gives a float's bits, all others are doubles, rounded to the type.
uint64_t real_bits(const Operand& operand, Type type) {
  auto bits = static_cast<uint64_t>(operand.value);
  if (operand.single) bits &= 0xffffffff;
  Format from = format_of(operand.single ? Type::f32 : Type::f64);
  Format to = format_of(ptx::bits(type) == 64 ? Type::f64 : Type::f32);
  if (from.width() == to.width()) return bits;
  return encode(decode(bits, from), to);
}

Type piece(unsigned bits) {
  return bits == 64 ? Type::b64 : bits == 32 ? Type::b32 : bits == 16 ? Type::b16 : Type::b8;
}

}  // namespace

uint64_t Thread::read(const Operand& operand, Type type) {
  unsigned width = width_of(type);
  switch (operand.kind) {
    case Operand::reg: {
      uint64_t value = frame().registers[operand.index];
      return cut(operand.negated ? ~value : value, width);
    }
    case Operand::integer: return cut(static_cast<uint64_t>(operand.value), width);
    case Operand::real: return real_bits(operand, type);
    case Operand::special_register: return cut(special(operand.special), width);
    case Operand::function: return function_address(operand.index);
    case Operand::symbol: return cut(symbol(operand), width);
    case Operand::vector: {  // mov.b64 d, {lo, hi}: the first element is the lowest (PTX ISA, "mov")
      unsigned part = width / static_cast<unsigned>(operand.elements.size());
      uint64_t whole = 0;
      for (size_t i = 0; i < operand.elements.size(); ++i) whole |= read(operand.elements[i], piece(part)) << i * part;
      return whole;
    }
    default: return 0;
  }
}

int64_t Thread::read_signed(const Operand& operand, Type type) {
  return sign_extended(read(operand, type), width_of(type));
}

bool Thread::read_predicate(const Operand& operand) { return read(operand, Type::pred) != 0; }

void Thread::write(const Operand& operand, uint64_t value, Type type) {
  unsigned width = width_of(type);
  value = cut(value, width);
  if (operand.kind == Operand::vector) {
    unsigned part = width / static_cast<unsigned>(operand.elements.size());
    for (size_t i = 0; i < operand.elements.size(); ++i) write(operand.elements[i], value >> i * part, piece(part));
    return;
  }
  if (operand.kind != Operand::reg) return;  // the sink `_`
  if (ptx::is_signed(type)) value = static_cast<uint64_t>(sign_extended(value, width));
  frame().registers[operand.index] = cut(value, width_of(frame().function->registers[operand.index].type));
}

unsigned __int128 Thread::read_wide(const Operand& operand) {
  using Wide = unsigned __int128;
  if (operand.kind == Operand::vector)
    return Wide{read(operand.elements.at(0), Type::b64)} | Wide{read(operand.elements.at(1), Type::b64)} << 64;
  Wide upper = operand.kind == Operand::reg ? frame().upper[operand.index] : 0;
  return read(operand, Type::b64) | upper << 64;
}

void Thread::write_wide(const Operand& operand, unsigned __int128 value) {
  auto low = static_cast<uint64_t>(value), high = static_cast<uint64_t>(value >> 64);
  if (operand.kind == Operand::vector) {
    write(operand.elements.at(0), low, Type::b64);
    write(operand.elements.at(1), high, Type::b64);
  } else if (operand.kind == Operand::reg) {
    frame().registers[operand.index] = low;
    frame().upper[operand.index] = high;
  }
}

void Thread::write_predicate(const Operand& operand, bool value) { write(operand, value, Type::pred); }

bool Thread::guarded_off(const ptx::Instruction& instruction) {
  if (instruction.guard.reg < 0) return false;
  bool value = frame().registers[static_cast<size_t>(instruction.guard.reg)] != 0;
  return value == instruction.guard.negated;
}

// A variable's address within its space; of .shared: the offset in the block's shared memory.
uint64_t Thread::symbol(const Operand& operand) {
  auto offset = static_cast<uint64_t>(operand.value);
  if (operand.local) return frame().address_of[operand.index] + offset;
  return block->machine->variable_address(operand.index) + offset;
}

uint64_t Thread::address(const Operand& operand, Space space) {
  auto offset = static_cast<uint64_t>(operand.value);
  uint64_t value = offset;
  if (operand.base_kind == Operand::reg) value = frame().registers[operand.index] + offset;
  if (operand.base_kind == Operand::symbol) value = symbol(operand);
  if (space != Space::shared) return value;
  value = cut(value, 32);  // addresses in shared memory have 32 bits
  if (value >= block->shared_bytes) throw Fault{"an address outside of shared memory", instruction().line};
  return reinterpret_cast<uint64_t>(block->shared) + value;
}

// PTX ISA, "Special Registers".
uint64_t Thread::special(Special special) {
  auto axis = [&](Special first) { return static_cast<unsigned>(special) - static_cast<unsigned>(first); };
  auto within = [&](Special first) { return special >= first && axis(first) < 3; };
  const Launch& launch = *block->launch;
  if (within(Special::tid_x)) return index[axis(Special::tid_x)];
  if (within(Special::ntid_x)) return launch.block[axis(Special::ntid_x)];
  if (within(Special::ctaid_x)) return block->index[axis(Special::ctaid_x)];
  if (within(Special::nctaid_x)) return launch.grid[axis(Special::nctaid_x)];
  // A cluster is one block (cluster.cpp).
  if (within(Special::clusterid_x)) return block->index[axis(Special::clusterid_x)];
  if (within(Special::nclusterid_x)) return launch.grid[axis(Special::nclusterid_x)];
  if (within(Special::cluster_ctaid_x)) return 0;
  if (within(Special::cluster_nctaid_x)) return 1;
  uint32_t bit = uint32_t{1} << lane(), below = bit - 1;
  switch (special) {
    case Special::laneid: return lane();
    case Special::warpid: return warp();
    case Special::nwarpid: return (block->threads.size() + warp_size - 1) / warp_size;
    case Special::lanemask_eq: return bit;
    case Special::lanemask_lt: return below;
    case Special::lanemask_le: return below | bit;
    case Special::lanemask_gt: return ~(below | bit);
    case Special::lanemask_ge: return static_cast<uint32_t>(~below);
    case Special::cluster_ctarank:
    case Special::is_explicit_cluster: return 0;
    case Special::cluster_nctarank: return 1;
    case Special::dynamic_smem_size: return launch.dynamic_shared;
    case Special::aggr_smem_size:
    case Special::total_smem_size: return block->shared_bytes;
    case Special::clock:
    case Special::clock64:
    case Special::globaltimer:
    case Special::globaltimer_lo: return ++ticks;
    case Special::smid:
    case Special::gridid:
    case Special::zero: return 0;
    case Special::nsmid: return 1;
    case Special::warp_size: return warp_size;
    default: throw Fault{"a special register that the reference does not know", instruction().line};
  }
}

}  // namespace reference
