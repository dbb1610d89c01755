// mbarrier objects and asynchronous copies (PTX ISA, "mbarrier", "Asynchronous copy"). Copies are done when they are
// asked for. An mbarrier's state is kept beside memory, by the object's address.
#include <cstring>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Operand;
using ptx::Space;
using ptx::Type;

struct Async {
  Thread& thread;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;

  const Operand& operand(size_t i) const { return instruction.operands.at(i); }
  uint64_t checked(const Operand& operand, Space space, uint64_t alignment) const {
    uint64_t address = thread.address(operand, space);
    if (address % alignment) throw Fault{"a misaligned address", instruction.line};
    return address;
  }

  // --- mbarrier

  Mbarrier& barrier(const Operand& operand, Space space) const {
    return thread.block->mbarriers[checked(operand, space, 8)];
  }
  // "The phase completes when the pending arrivals and the tx-count have both reached zero."
  static void complete_if_due(Mbarrier& barrier) {
    if (barrier.pending != 0 || barrier.bytes != 0) return;
    ++barrier.phase;
    barrier.pending = barrier.expected;
  }
  static void expect(Mbarrier& barrier, int64_t bytes) {
    barrier.bytes += bytes;
    complete_if_due(barrier);
  }
  // The opaque state: phase above, pending count below.
  static uint64_t state(const Mbarrier& barrier) { return barrier.phase << 32 | barrier.pending; }

  void count_down(Mbarrier& barrier, uint64_t count) const {
    if (count > barrier.pending) throw Fault{"more arrivals at an mbarrier than it expects", instruction.line};
    barrier.pending -= count;
    complete_if_due(barrier);
  }
  void arrive() const {
    size_t at = instruction.destinations;
    Mbarrier& object = barrier(operand(at), modifiers.space);
    uint64_t given = instruction.operands.size() > at + 1 ? thread.read(operand(at + 1), Type::u32) : 1, count = given;
    if (modifiers.has("expect_tx")) {
      expect(object, static_cast<int64_t>(given));
      count = 1;
    }
    uint64_t before = state(object);
    if (modifiers.has("arrive_drop")) object.expected -= count;
    count_down(object, count);
    if (at) thread.write(operand(0), before, Type::b64);
  }
  // A phase is complete when a later one is under way; parity tells only neighbours apart.
  void test() const {
    const Mbarrier& object = barrier(operand(1), modifiers.space);
    uint64_t asked =
        modifiers.has("parity") ? thread.read(operand(2), Type::u32) : thread.read(operand(2), Type::b64) >> 32;
    thread.write_predicate(operand(0), (object.phase & 1) != (asked & 1));
  }
  void mbarrier() const {
    auto bytes = [&] { return static_cast<int64_t>(thread.read(operand(1), Type::u32)); };
    if (modifiers.has("init")) {
      uint64_t count = thread.read(operand(1), Type::u32);
      barrier(operand(0), modifiers.space) = {0, count, count, 0};
    } else if (modifiers.has("arrive") || modifiers.has("arrive_drop")) {
      arrive();
    } else if (modifiers.has("test_wait") || modifiers.has("try_wait")) {
      test();
    } else if (modifiers.has("expect_tx")) {
      expect(barrier(operand(0), modifiers.space), bytes());
    } else if (modifiers.has("complete_tx")) {
      expect(barrier(operand(0), modifiers.space), -bytes());
    } else if (modifiers.has("pending_count")) {
      thread.write(operand(0), cut(thread.read(operand(1), Type::b64), 32), Type::u32);
    } else if (!modifiers.has("inval")) {
      unsupported(instruction);
    }
  }

  // --- copies

  // The spaces that the instruction names: of its destination and of its source.
  Space space(size_t which) const {
    for (const std::string& word : modifiers.words) {
      bool shared = word.starts_with("shared"), global = word == "global";
      if ((shared || global) && which-- == 0) return shared ? Space::shared : Space::global;
    }
    return Space::none;
  }
  void move(uint64_t to, uint64_t from, uint64_t bytes) const {
    std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  }
  void reduce(uint64_t to, uint64_t from, uint64_t bytes) const {
    unsigned size = width_of(modifiers.type) / 8;
    for (uint64_t at = 0; at < bytes; at += size) {
      uint64_t old = 0, with = 0;
      std::memcpy(&old, reinterpret_cast<const void*>(to + at), size);
      std::memcpy(&with, reinterpret_cast<const void*>(from + at), size);
      uint64_t value = updated(instruction, old, with, modifiers.type);
      std::memcpy(reinterpret_cast<void*>(to + at), &value, size);
    }
  }
  void complete(const Operand& object, uint64_t bytes) const {
    expect(barrier(object, Space::shared), -static_cast<int64_t>(bytes));
  }
  bool completes_on_mbarrier() const { return modifiers.has("mbarrier::complete_tx::bytes"); }

  // cp.async.bulk and cp.reduce.async.bulk: 16 bytes are the unit of addresses and size.
  void bulk_copy() const {
    uint64_t to = checked(operand(0), space(0), 16), from = checked(operand(1), space(1), 16);
    uint64_t bytes = thread.read(operand(2), Type::u32);
    if (bytes % 16) throw Fault{"a bulk copy of a part of 16 bytes", instruction.line};
    if (modifiers.has("reduce"))
      reduce(to, from, bytes);
    else if (modifiers.has("cp_mask"))
      move_some(to, from, bytes, thread.read(instruction.operands.back(), Type::u16));
    else
      move(to, from, bytes);
    if (completes_on_mbarrier()) complete(operand(3), bytes);
  }
  void move_some(uint64_t to, uint64_t from, uint64_t bytes, uint64_t mask) const {
    for (uint64_t i = 0; i < bytes; ++i)
      if (mask >> (i % 16) & 1) move(to + i, from + i, 1);
  }
  // st.async and red.async: a register's value as such a copy.
  void register_copy() const {
    unsigned size = width_of(modifiers.type) / 8, count = modifiers.vector;
    uint64_t to = checked(operand(0), modifiers.space, uint64_t{size} * count);
    for (unsigned i = 0; i < count; ++i) {
      const Operand& from = count == 1 ? operand(1) : operand(1).elements.at(i);
      uint64_t value = thread.read(from, modifiers.type);
      auto place = reinterpret_cast<uint64_t>(&value);
      if (instruction.opcode == Opcode::red)
        reduce(to + i * size, place, size);
      else
        move(to + i * size, place, size);
    }
    if (completes_on_mbarrier()) complete(operand(2), uint64_t{size} * count);
  }
  void copy() const {
    bool second = modifiers.words.size() > 1 && modifiers.words[1] == "mbarrier";
    if (modifiers.has("tensor")) unsupported(instruction);
    if (modifiers.has("prefetch") || modifiers.has("commit_group") || modifiers.has("wait_group")) return;
    if (modifiers.has("bulk")) return bulk_copy();
    // cp.async.mbarrier.arrive: without .noinc the arrival was added to the pending count before.
    if (second && modifiers.has("noinc")) count_down(barrier(operand(0), modifiers.space), 1);
  }
};

}  // namespace

bool execute_async(Thread& thread, const ptx::Instruction& instruction) {
  Async async{thread, instruction};
  const auto& modifiers = instruction.modifiers;
  switch (instruction.opcode) {
    case Opcode::mbarrier: async.mbarrier(); return true;
    case Opcode::cp:
      if (modifiers.has("ca") || modifiers.has("cg") || modifiers.has("wait_all")) return false;
      async.copy();
      return true;
    case Opcode::st:
      if (modifiers.has("bulk")) {
        uint64_t to = async.checked(instruction.operands[0], modifiers.space, 8);
        std::memset(reinterpret_cast<void*>(to), 0, thread.read(instruction.operands[1], Type::u64));
        return true;
      }
      [[fallthrough]];
    case Opcode::red:
      if (!modifiers.has("async")) return false;
      async.register_copy();
      return true;
    default: return false;
  }
}

}  // namespace reference
