// What the lanes of a warp execute together: shuffles, votes, matches, reductions (PTX ISA, "Parallel
// Synchronization and Communication Instructions"; "shfl.sync" from "Data Movement").
#include <algorithm>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Operand;
using ptx::Type;

bool is_matrix(Opcode opcode) {
  return opcode == Opcode::mma || opcode == Opcode::wmma || opcode == Opcode::wgmma || opcode == Opcode::ldmatrix ||
         opcode == Opcode::stmatrix || opcode == Opcode::movmatrix;
}

// Which operand holds the member mask; -1: the whole warp takes part.
int mask_operand(const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::bar:
    case Opcode::barrier: return 0;
    case Opcode::elect: return instruction.destinations;
    case Opcode::vote:
    case Opcode::redux: return 2;
    case Opcode::match: return instruction.destinations + 1;
    case Opcode::shfl: return instruction.destinations + 3;
    default: return -1;
  }
}

struct Together {
  const std::vector<Thread*>& members;
  const ptx::Instruction& first = members.front()->instruction();
  const ptx::Modifiers& modifiers = first.modifiers;

  const Operand& operand(Thread* thread, size_t i) const { return thread->instruction().operands.at(i); }
  uint64_t read(Thread* thread, size_t i, Type type) const { return thread->read(operand(thread, i), type); }
  uint32_t mask() const {
    uint32_t all = 0;
    for (Thread* member : members) all |= uint32_t{1} << member->lane();
    return all;
  }

  // PTX ISA, "shfl.sync": its pseudo-code. c holds the clamp in bits 0 to 4 and the segment mask in bits 8 to 12.
  void shuffle() const {
    size_t at = first.destinations;
    std::vector<uint64_t> values(warp_size);  // a lane that is no member gives an undefined value
    for (Thread* member : members) values[member->lane()] = read(member, at, Type::b32);
    struct Outcome {
      uint64_t value;
      bool inside;
    };
    std::vector<Outcome> outcomes;
    for (Thread* member : members) {
      auto lane = static_cast<int>(member->lane()), b = static_cast<int>(read(member, at + 1, Type::b32) & 31);
      auto c = static_cast<int>(read(member, at + 2, Type::b32));
      int segment = c >> 8 & 31, clamp = c & 31;
      int most = (lane & segment) | (clamp & ~segment), least = lane & segment, from;
      bool inside;
      if (modifiers.operation == "up")
        from = lane - b, inside = from >= most;
      else if (modifiers.operation == "down")
        from = lane + b, inside = from <= most;
      else if (modifiers.operation == "bfly")
        from = lane ^ b, inside = from <= most;
      else
        from = least | (b & ~segment), inside = from <= most;
      if (!inside) from = lane;
      outcomes.push_back({values[static_cast<size_t>(from)], inside});
    }
    for (size_t i = 0; i < members.size(); ++i) {
      if (at > 1) members[i]->write_predicate(operand(members[i], 1), outcomes[i].inside);
      members[i]->write(operand(members[i], 0), outcomes[i].value, Type::b32);
    }
  }

  void vote() const {
    uint32_t yes = 0;
    for (Thread* member : members)
      if (member->read_predicate(operand(member, 1))) yes |= uint32_t{1} << member->lane();
    const std::string& mode = modifiers.operation;
    for (Thread* member : members) {
      if (mode == "ballot")
        member->write(operand(member, 0), yes, Type::b32);
      else
        member->write_predicate(operand(member, 0), mode == "any"   ? yes != 0
                                                    : mode == "all" ? yes == mask()
                                                                    : yes == 0 || yes == mask());
    }
  }

  void match() const {
    size_t at = first.destinations;
    std::vector<uint32_t> equal;
    for (Thread* member : members) {
      uint32_t same = 0;
      for (Thread* other : members)
        if (read(other, at, modifiers.type) == read(member, at, modifiers.type)) same |= uint32_t{1} << other->lane();
      equal.push_back(same);
    }
    for (size_t i = 0; i < members.size(); ++i) {
      bool all = equal[i] == mask();
      uint32_t value = modifiers.operation == "any" || all ? equal[i] : 0;
      members[i]->write(operand(members[i], 0), value, Type::b32);
      if (at > 1) members[i]->write_predicate(operand(members[i], 1), all);
    }
  }

  void reduce() const {
    Type type = modifiers.type;
    const std::string& name = modifiers.operation;
    if (type == Type::f32) return reduce_floats();
    uint64_t total = read(members[0], 1, type);
    for (size_t i = 1; i < members.size(); ++i) {
      uint64_t value = read(members[i], 1, type);
      bool less = ptx::is_signed(type) ? sign_extended(value, 32) < sign_extended(total, 32) : value < total;
      if (name == "add") total += value;
      if (name == "and") total &= value;
      if (name == "or") total |= value;
      if (name == "xor") total ^= value;
      if (name == "min" && less) total = value;
      if (name == "max" && !less) total = value;
    }
    for (Thread* member : members) member->write(operand(member, 0), total, type);
  }

  // NaN is left out where there is a number, or (.NaN) is the result as soon as one member has it.
  void reduce_floats() const {
    Format format = format_of(Type::f32);
    Number total;
    total.kind = Number::nan;
    bool any_nan = false, smaller = modifiers.operation == "min";
    for (Thread* member : members) {
      Number value = decode(read(member, 1, Type::f32), format);
      if (modifiers.abs) value = magnitude(value);
      any_nan = any_nan || value.kind == Number::nan;
      if (value.kind == Number::nan) continue;
      Order relation = order(value, total);
      bool less = relation == Order::less || (relation == Order::equal && value.negative && !total.negative);
      if (total.kind == Number::nan || less == smaller) total = value;
    }
    if (modifiers.nan && any_nan) total.kind = Number::nan;
    for (Thread* member : members) member->write(operand(member, 0), encode(total, format), Type::f32);
  }

  void elect() const {  // one of the members; the ISA leaves open which: here the first
    for (Thread* member : members) {
      member->write(operand(member, 0), members.front()->lane(), Type::b32);
      if (first.destinations > 1) member->write_predicate(operand(member, 1), member == members.front());
    }
  }
};

}  // namespace

bool is_collective(const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::shfl:
    case Opcode::vote:
    case Opcode::match:
    case Opcode::redux:
    case Opcode::elect:
    case Opcode::activemask: return true;
    case Opcode::bar:
    case Opcode::barrier: return instruction.modifiers.has("warp");
    default: return is_matrix(instruction.opcode);
  }
}

bool takes_whoever_is_here(const ptx::Instruction& instruction) {
  bool old = instruction.opcode == Opcode::shfl || instruction.opcode == Opcode::vote;
  return instruction.opcode == Opcode::activemask || (old && !instruction.modifiers.sync);
}

uint32_t named_members(Thread& thread, const ptx::Instruction& instruction) {
  int operand = mask_operand(instruction);
  if (operand < 0 || takes_whoever_is_here(instruction)) return ~uint32_t{0};
  return static_cast<uint32_t>(thread.read(instruction.operands.at(static_cast<size_t>(operand)), Type::b32));
}

void execute_together(const std::vector<Thread*>& members) {
  Together together{members};
  switch (together.first.opcode) {
    case Opcode::shfl: return together.shuffle();
    case Opcode::vote: return together.vote();
    case Opcode::match: return together.match();
    case Opcode::redux: return together.reduce();
    case Opcode::elect: return together.elect();
    case Opcode::activemask:
      for (Thread* member : members) member->write(together.operand(member, 0), together.mask(), Type::b32);
      return;
    case Opcode::bar:
    case Opcode::barrier: return;  // to have met is all
    default:
      if (!execute_matrix(members)) unsupported(together.first);
  }
}

}  // namespace reference
