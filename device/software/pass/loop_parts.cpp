// Slices are put together into parts that fit, so that what they share is shared.
#include "device/software/pass/loop_parts.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "device/software/pass/instructions.h"
#include "device/software/pass/liveness.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using Slice = SplitLoop::Slice;
using Registers = SplitLoop::Registers;

constexpr unsigned spare = 2;                   // registers for what is common to all lanes, and on the way
constexpr size_t most_results = 128;            // beyond, looking for parts would take long
constexpr size_t most_instructions[] = {3, 2};  // all parts together have, in relation to the loop

size_t size_of(const Slice& slice) {
  size_t count = 0;
  for (uint64_t word : slice) count += static_cast<size_t>(std::popcount(word));
  return count;
}

Slice operator|(Slice a, const Slice& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] |= b[i];
  return a;
}

// Doing it twice is as good as doing it once.
bool repeats(const Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  if (instruction.guard.reg >= 0) return false;
  if (instruction.opcode == Opcode::ld) return modifiers.space == ptx::Space::shared && !is_strong(modifiers);
  return only_computes(instruction);
}

}  // namespace

bool SplitLoop::possible(const ptx::Function& function, const Block& block, const Uniformity& uniformity) {
  const Instruction& last = function.body[block.last - 1];
  if (last.opcode != Opcode::bra || last.guard.reg < 0 || uniformity.splits(last)) return false;
  if (function.labels[last.operands[0].index] != block.first || block.last - block.first < 2) return false;
  return std::all_of(function.body.begin() + block.first, function.body.begin() + block.last - 1, repeats);
}

SplitLoop::SplitLoop(const ptx::Function& function, const Block& block, const Uniformity& uniformity, unsigned lanes,
                     VectorRegisters registers)
    : function_(function),
      first_(block.first),
      count_(block.last - 1 - block.first),
      uniformity_(uniformity),
      lanes_(lanes),
      registers_(registers) {
  for (uint32_t i = 0; i < count_; ++i) each_definition(at(i), [&](uint32_t reg) { made_.insert(reg); });
}

std::vector<Slice> SplitLoop::parts(const std::vector<uint32_t>& wanted) const {
  Registers results;
  for (uint32_t reg : wanted)
    if (made_.contains(reg)) results.insert(reg);
  if (pressure(results, all()) <= room() || results.size() > most_results) return {};
  std::vector<Slice> found = gather(results, results.size());
  if (found.size() < 2) return {};
  found = gather(results, (vectors(results).size() + found.size() - 1) / found.size());  // of like size
  return worthwhile(found) ? found : std::vector<Slice>();
}

Registers SplitLoop::carried(const Slice& part) const {
  const Registers wanted = wanted_first(part);
  Registers found;
  std::ranges::set_intersection(wanted, made_, std::inserter(found, found.end()));
  return found;
}

unsigned SplitLoop::room() const { return registers_.count - spare; }
Slice SplitLoop::none() const { return Slice(count_ / 64 + 1, 0); }
Slice SplitLoop::all() const {
  Slice made = none();
  for (uint32_t i = 0; i < count_; ++i) made[i / 64] |= uint64_t{1} << i % 64;
  return made;
}

// In registers of the processor; what is common to all lanes or counts up from lane to lane takes none for long.
unsigned SplitLoop::size_of_register(uint32_t reg) const {
  if (uniformity_.shapes[reg].kind != Shape::varying) return 0;
  return std::max(1u, ptx::bits(function_.registers[reg].type) / 8 * lanes_ / registers_.bytes);
}
std::vector<uint32_t> SplitLoop::vectors(const Registers& results) const {
  std::vector<uint32_t> found;
  std::ranges::copy_if(results, std::back_inserter(found), [&](uint32_t reg) { return size_of_register(reg) > 0; });
  return found;
}

// All that makes the registers' values of the round's end, and of all rounds before.
Slice SplitLoop::slice_of(Registers wanted) const {
  Slice slice = none();
  for (size_t before = ~size_t{0}; before != wanted.size();) {
    before = wanted.size();
    Registers live = wanted;
    for (uint32_t i = count_; i-- > 0;) {
      bool makes = false;
      each_definition(at(i), [&](uint32_t reg) { makes = live.erase(reg) || makes; });
      if (!makes) continue;
      slice[i / 64] |= uint64_t{1} << i % 64;
      each_source(at(i), [&](uint32_t reg) { live.insert(reg); });
    }
    std::ranges::set_intersection(live, made_, std::inserter(wanted, wanted.end()));
  }
  return slice;
}

// What the part reads before it writes it.
Registers SplitLoop::wanted_first(const Slice& slice) const {
  Registers live;
  for (uint32_t i = count_; i-- > 0;) {
    if (!has(slice, i)) continue;
    each_definition(at(i), [&](uint32_t reg) { live.erase(reg); });
    each_source(at(i), [&](uint32_t reg) { live.insert(reg); });
  }
  return live;
}

// The most vectors at a time.
unsigned SplitLoop::pressure(const Registers& results, const Slice& slice) const {
  Registers live = wanted_first(slice);
  live.insert(results.begin(), results.end());
  auto sum = [&] {
    unsigned words = 0;
    for (uint32_t reg : live) words += size_of_register(reg);
    return words;
  };
  unsigned most = sum();
  for (uint32_t i = count_; i-- > 0;) {
    if (!has(slice, i)) continue;
    each_definition(at(i), [&](uint32_t reg) { live.erase(reg); });
    each_source(at(i), [&](uint32_t reg) { live.insert(reg); });
    most = std::max(most, sum());
  }
  return most;
}

// Parts of at most so many vectors. Each takes next what adds the fewest instructions, together with what would
// follow: so a part of a product becomes about as high as wide.
std::vector<Slice> SplitLoop::gather(const Registers& results, size_t most) const {
  Slice control = slice_of({static_cast<uint32_t>(at(count_).guard.reg)});
  for (uint32_t reg : results)
    if (!size_of_register(reg)) control = control | slice_of({reg});
  Results left;
  for (uint32_t reg : vectors(results)) left.emplace_back(reg, slice_of({reg}));
  std::vector<Slice> parts;
  for (Registers held; !left.empty();) {
    if (held.empty()) parts.push_back(control);
    Slice& part = parts.back();
    auto next = left.begin() + static_cast<std::ptrdiff_t>(cheapest(part, left));
    Registers more = held;
    more.insert(next->first);
    if (!held.empty() && (more.size() > most || pressure(more, part | next->second) > room())) {
      held.clear();
      continue;
    }
    part = part | next->second;
    held = more;
    left.erase(next);
  }
  return parts;
}

size_t SplitLoop::cheapest(const Slice& slice, const Results& left) {
  size_t best = 0, least = ~size_t{0};
  for (size_t i = 0; i < left.size(); ++i) {
    Slice with = slice | left[i].second;
    size_t after = left.size() > 1 ? ~size_t{0} : 0;
    for (size_t k = 0; k < left.size(); ++k)
      if (k != i) after = std::min(after, size_of(with | left[k].second));
    if (after < least) best = i, least = after;
  }
  return best;
}

bool SplitLoop::worthwhile(const std::vector<Slice>& parts) const {
  size_t instructions = 0;
  Registers seen;
  for (const Slice& part : parts) {
    instructions += size_of(part);
    if (pressure({}, part) > room()) return false;
    for (uint32_t reg : carried(part))
      if (size_of_register(reg) && !seen.insert(reg).second) return false;  // a sum in two parts
  }
  return parts.size() > 1 && instructions * most_instructions[1] <= count_ * most_instructions[0];
}

}  // namespace software
