#include "device/software/check/checker.h"

#include <cxxabi.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "api/window.h"
#include "base/log.h"
#include "device/software/check/block.h"
#include "device/software/run/code_map.h"
#include "device/software/run/complaint.h"

namespace software {
namespace {

constexpr uint64_t gap = Memory::granule;  // between allocations, so that a step too far is nobody's memory

// What a finding is about; with the kind of access it is one kind of finding.
enum Subject : uint32_t { invalid, misaligned, unwritten, racing };

uint32_t kind_of(Subject subject, const Access& access, uint32_t more = 0) {
  return subject | (access.how & (outboard_reads | outboard_writes)) << 2 | more << 4;
}

std::string bytes_text(uint64_t count) { return std::to_string(count) + (count == 1 ? " byte" : " bytes"); }

const char* verb(const Access& access) {
  bool both = access.is(outboard_reads) && access.is(outboard_writes);
  return both ? "atomic access" : access.is(outboard_writes) ? "write" : "read";
}

// C++ names as the program has them (Itanium C++ ABI).
std::string readable(const char* name) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return text ? text.get() : name;
}

std::string line_text(uint64_t place) {
  const std::string line = find_place(place, 0).line;
  return "PTX line " + (line.empty() ? "unknown" : line);
}

// A place that was found before, by this thread. Of device memory alone: its addresses are the same for all kernels.
struct Recent {
  const Places* of = nullptr;
  uint64_t changes = 0;
  MemoryRange places[4];
  unsigned next = 0;

  const MemoryRange* find(const Places& all, uint64_t address) {
    if (of != &all || changes != all.changes()) *this = Recent{&all, all.changes(), {}, 0};
    for (const MemoryRange& place : places)
      if (address - place.begin < place.end - place.begin) return &place;
    return nullptr;
  }
  void add(const MemoryRange& place) { places[next++ % 4] = place; }
};

Recent& recent() {
  static thread_local Recent the;
  return the;
}

}  // namespace

// Where the access of one lane goes.
struct Checker::Lane {
  enum Area : uint8_t { elsewhere, own_shared, other_shared, own_local, global };
  uint64_t address = 0, offset = 0;  // in shared memory, from its block's first byte
  Area area = elsewhere;
  bool tracked = false;
  CheckedBlock* block = nullptr;  // whose shared memory it is

  const char* named = nullptr;  // what the instruction calls the memory

  bool is_shared() const { return area == own_shared || area == other_shared; }
  const char* memory() const { return is_shared() ? "shared" : area == own_local ? "local" : "global"; }
  static Lane of(const Warp& warp, uint64_t address);
};

Checker::Lane Checker::Lane::of(const Warp& warp, uint64_t address) {
  const Launch& launch = *warp.launch;
  Lane lane;
  lane.address = address;
  const Block& block = *static_cast<const Block*>(warp.block);
  lane.offset = address - reinterpret_cast<uint64_t>(warp.shared);
  if (lane.offset < launch.total_shared) {
    lane.area = own_shared;
    lane.block = &CheckedBlock::of(block);
    return lane;
  }
  const uint64_t distance = address - reinterpret_cast<uint64_t>(warp.cluster_shared);
  if (block.cluster && distance / launch.shared_pitch < block.cluster->blocks.size() &&
      distance % launch.shared_pitch < launch.total_shared) {
    lane.area = other_shared;
    lane.block = &CheckedBlock::of(*block.cluster->blocks[distance / launch.shared_pitch]);
    lane.offset = distance % launch.shared_pitch;
    return lane;
  }
  const uint64_t local = address - reinterpret_cast<uint64_t>(warp.local);
  if (local < uint64_t{launch.local_bytes} * warp_size) lane.area = own_local, lane.offset = local;
  return lane;
}

Checker::Checker(api::Checks checks, Memory& memory) : checks_(checks), memory_(memory), places_(memory) {
  if (checks.memory) memory.keep_apart(gap);
  if (checks.init) written_ = std::make_unique<WrittenMemory>();
}

std::unique_ptr<BlockWatcher> Checker::watch_block() {
  return std::make_unique<CheckedBlock>(checks_, [this](const Job& job) { return races_of(job); });
}

// Most accesses are those of aligned lanes to one allocation that was found before: looked at all at once. False: look
// at each lane.
bool Checker::plain(const Access& access) {
  const bool anywhere = access.space() == AccessSpace::generic || access.space() == AccessSpace::global;
  if (!anywhere || access.elements() == 0 || access.is(outboard_one_address)) return false;
  uint64_t first = ~uint64_t{0}, last = 0, low = 0;
  bool consecutive = true;
  for (uint32_t rest = access.lanes; rest; rest &= rest - 1) {
    const uint64_t address = access.addresses[__builtin_ctz(rest)];
    consecutive = consecutive && (last == 0 || address == last + access.bytes);
    first = std::min(first, address), last = std::max(last, address), low |= address;
  }
  const MemoryRange* place = recent().find(places_, first);
  if (!place || last + access.bytes > place->end || low % access.bytes) return false;
  if (!written_ || !place->tracked) return true;
  const uint64_t bytes = last + access.bytes - first;
  if (access.is(outboard_reads) && !written_->all(first, bytes)) return false;
  if (access.is(outboard_writes) && !consecutive) return false;
  if (access.is(outboard_writes)) written_->set(first, bytes);
  return true;
}

uint32_t Checker::access(Warp& warp, const Access& access) {
  CheckedBlock& block = CheckedBlock::of(*static_cast<Block*>(warp.block));
  uint64_t passed = ~uint64_t{0};  // where what is known was passed on last
  if (checks_.races) {
    block.races.next_instruction(warp.warp_index);
    block.global_races->next_access(block.in_launch);
    if (access.is(outboard_releases)) block.global_races->release(block.in_launch);
  }
  if (plain(access)) {
    for (uint32_t rest = checks_.races ? access.lanes : 0; rest; rest &= rest - 1) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(rest));
      check_order(warp, access, lane, Lane{.address = access.address(lane), .area = Lane::global}, passed);
    }
    return access.lanes;
  }
  uint32_t good = 0;
  for (uint32_t rest = access.lanes; rest; rest &= rest - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(rest));
    Lane at = Lane::of(warp, access.address(lane));
    if (!allowed(warp, access, lane, at) && checks_.memory) {
      if (access.is(outboard_one_address)) return 0;
      continue;
    }
    good |= access.is(outboard_one_address) ? access.lanes : 1u << lane;
    if (checks_.init) check_written(warp, access, lane, at);
    if (checks_.races && (at.area == Lane::own_shared || at.area == Lane::global))
      check_order(warp, access, lane, at, passed);
    if (access.is(outboard_one_address)) break;
  }
  return good;
}

bool Checker::in_device_memory(Warp& warp, const Access& access, Lane& at) {
  const uint64_t address = at.address;
  auto fits = [&](const MemoryRange& place) {
    at.tracked = place.tracked;
    return access.bytes <= place.end - address;
  };
  at.area = Lane::global;
  if (const MemoryRange* place = recent().find(places_, address)) return fits(*place);
  const Block& block = *static_cast<const Block*>(warp.block);
  std::optional<MemoryRange> place = places_.find(address, *block.job);
  if (!place) return false;
  if (in_device_area(address)) recent().add(*place);
  return fits(*place);
}

// Is all of it in the memory that the instruction names, or, by a generic address, in any? `at.named`: which one that
// is.
bool Checker::inside(Warp& warp, const Access& access, uint32_t lane, Lane& at) {
  const Launch& launch = *warp.launch;
  const AccessSpace space = access.space();
  const bool any = space == AccessSpace::generic;
  if (space == AccessSpace::shared || (any && at.is_shared())) {
    at.named = "shared";
    return at.is_shared() && access.bytes <= launch.total_shared - at.offset;
  }
  if (space == AccessSpace::local || (any && at.area == Lane::own_local)) {
    at.named = "local";
    const bool own = access.is(outboard_own_frame) && !access.is(outboard_one_address);
    const uint64_t first = own ? uint64_t{lane} * launch.local_bytes : 0;
    const uint64_t bytes = own ? launch.local_bytes : uint64_t{launch.local_bytes} * warp_size;
    return at.area == Lane::own_local && at.offset >= first && at.offset - first < bytes &&
           access.bytes <= bytes - (at.offset - first);
  }
  at.named = space == AccessSpace::constant ? "constant" : "global";
  return at.area == Lane::elsewhere && in_device_memory(warp, access, at);
}

std::string Checker::outside(const Warp& warp, const Access& access, const Lane& at) {
  const Launch& launch = *warp.launch;
  if (at.named == std::string_view("shared")) {
    const auto offset = static_cast<int64_t>(at.address - reinterpret_cast<uint64_t>(warp.shared));
    return "offset " + std::to_string(offset) + ": the block has " + bytes_text(launch.total_shared) +
           " of shared memory";
  }
  const std::string where = "address " + hexadecimal(at.address) + ": ";
  if (at.named == std::string_view("local"))
    return where + "outside of the thread's " + bytes_text(launch.local_bytes) + " of local memory";
  if (at.is_shared() || at.area == Lane::own_local) return where + "it is one of " + at.memory() + " memory";
  return where + places_.describe(at.address, access.bytes, static_cast<const Block*>(warp.block)->job);
}

bool Checker::allowed(Warp& warp, const Access& access, uint32_t lane, Lane& at) {
  const bool is_inside = inside(warp, access, lane, at);
  if (!checks_.memory) return is_inside;
  const bool aligned = access.elements() == 0 || at.address % access.bytes == 0;
  if (is_inside && aligned) return true;
  const std::string what =
      std::string(verb(access)) + " of " + bytes_text(access.bytes) + " of " + at.named + " memory";
  if (is_inside)
    complain(warp, access, lane, kind_of(misaligned, access), "Misaligned " + what, [&] {
      return "address " + hexadecimal(at.address) + " is no multiple of " + std::to_string(access.bytes);
    });
  else
    complain(warp, access, lane, kind_of(invalid, access), "Invalid " + what,
             [&] { return outside(warp, access, at); });
  return false;
}

void Checker::check_written(Warp& warp, const Access& access, uint32_t lane, const Lane& at) {
  const bool is_shared = at.is_shared();
  if (!is_shared && !(at.area == Lane::global && at.tracked && written_)) return;
  auto all = [&] {
    return is_shared ? at.block->written.all(at.offset, access.bytes) : written_->all(at.address, access.bytes);
  };
  if (access.is(outboard_reads) && !all()) {
    const std::string what = std::string("Uninitialised ") + verb(access) + " of " + bytes_text(access.bytes) + " of " +
                             at.memory() + " memory";
    const Job* job = static_cast<const Block*>(warp.block)->job;
    const std::string where =
        is_shared ? "offset " + std::to_string(at.offset) + " of shared memory"
                  : "address " + hexadecimal(at.address) + ": " + places_.describe(at.address, access.bytes, job);
    complain(warp, access, lane, kind_of(unwritten, access), what,
             [&] { return where + ", which nobody has written"; });
  }
  if (!access.is(outboard_writes)) return;
  if (is_shared)
    at.block->written.set(at.offset, access.bytes);
  else
    written_->set(at.address, access.bytes);
}

namespace {

// The value that the lane writes to bytes `first` to `first + count` of its place.
void value_of(const Access& access, uint32_t lane, uint64_t first, uint32_t count, uint8_t* value) {
  const uint64_t size = access.bytes / access.elements();
  for (uint64_t i = first; i < first + count; ++i)
    *value++ = access.values[(i / size * warp_size + lane) * size + i % size];
}

bool same_values(const Access& access) {
  const auto first = static_cast<uint32_t>(__builtin_ctz(access.lanes));
  uint8_t one[64], other[64];
  if (access.bytes > sizeof one) return true;
  const auto bytes = static_cast<uint32_t>(access.bytes);
  value_of(access, first, 0, bytes, one);
  for (uint32_t rest = access.lanes; rest; rest &= rest - 1) {
    value_of(access, static_cast<uint32_t>(__builtin_ctz(rest)), 0, bytes, other);
    if (std::memcmp(one, other, bytes) != 0) return false;
  }
  return true;
}

std::string thread_text(const Warp& warp, uint32_t of_warp, uint8_t lane) {
  Warp other = warp;
  other.first_thread = of_warp * warp_size;
  if (lane < warp_size) return "thread " + thread_place(other, lane);
  return (lane == SharedRaces::several ? "several threads of the warp of thread " : "the warp of thread ") +
         thread_place(other, 0);
}

std::string block_text(const Launch& launch, uint64_t index) {
  uint32_t at[3] = {};
  if (launch.cluster_blocks > 1) {
    place_in_cluster(launch, index, at);
    return triple(at);
  }
  for (int axis = 0; axis < 3; ++axis)
    at[axis] = static_cast<uint32_t>(index % launch.grid[axis]), index /= launch.grid[axis];
  return triple(at);
}

const char* name_of(Hazard hazard) {
  switch (hazard) {
    case Hazard::read_after_write: return "a read after a write";
    case Hazard::write_after_read: return "a write after a read";
    default: return "a write after a write";
  }
}

}  // namespace

// Races, and what a strong access passes on.
void Checker::check_order(Warp& warp, const Access& access, uint32_t lane, const Lane& at, uint64_t& passed) {
  CheckedBlock& block = CheckedBlock::of(*static_cast<Block*>(warp.block));
  check_races(warp, access, lane, at);
  if (!access.is(outboard_strong)) return;
  const uint64_t place = at.is_shared() ? at.offset : at.address;
  if (!at.is_shared() && access.is(outboard_reads)) block.in_launch.acquiring = true;
  if (place / 8 == passed) return;
  passed = place / 8;
  block.races.synchronise(warp.warp_index, access.lanes, place);
}

void Checker::check_races(Warp& warp, const Access& access, uint32_t lane, const Lane& at) {
  CheckedBlock& block = CheckedBlock::of(*static_cast<Block*>(warp.block));
  const bool many = access.is(outboard_one_address) && std::popcount(access.lanes) > 1;
  const RaceStep step{warp.warp_index,
                      access.is(outboard_whole_warp) ? SharedRaces::whole_warp
                      : many                         ? SharedRaces::several
                                                     : static_cast<uint8_t>(lane),
                      static_cast<uint8_t>(lane),
                      access.place,
                      access.is(outboard_reads),
                      access.is(outboard_writes),
                      access.is(outboard_strong)};
  std::optional<RaceFound> found;
  for (uint64_t done = 0; done < access.bytes;) {
    const uint64_t offset = (at.is_shared() ? at.offset : at.address) + done;
    const auto count = static_cast<uint32_t>(std::min(access.bytes - done, 4 - offset % 4));
    uint8_t value[4];
    if (access.values) value_of(access, lane, done, count, value);
    const uint8_t* known = access.values ? value : nullptr;
    auto race = at.is_shared() ? block.races.touch(step, static_cast<uint32_t>(offset), count, known)
                               : block.global_races->touch(block.in_launch, block.races, step, offset, count, known);
    if (race && !found) found = race;
    done += count;
  }
  if (!found && many && access.values && !same_values(access) && !step.strong)
    found = RaceFound{Hazard::write_after_write, warp.warp_index, SharedRaces::several, access.place,
                      block.in_launch.number};
  if (!found) return;
  const char* before = found->hazard == Hazard::write_after_read ? "the read" : "the write";
  const bool is_shared = at.is_shared(), other_block = !is_shared && found->block != block.in_launch.number;
  const uint32_t kind = 1 + static_cast<uint32_t>(found->hazard) + (is_shared ? 0 : other_block ? 8 : 4);
  const auto where = [&] {
    if (is_shared) return "offset " + std::to_string(at.offset);
    const Job* job = static_cast<const Block*>(warp.block)->job;
    return hexadecimal(at.address) + ", " + places_.describe(at.address, access.bytes, job);
  };
  complain(warp, access, lane, kind_of(racing, access, kind),
           std::string("Race in ") + at.memory() + " memory: " + name_of(found->hazard), [&] {
             return std::string(verb(access)) + " of " + bytes_text(access.bytes) + " at " + where() + "; " + before +
                    " before it: " + line_text(found->place) + ", " + thread_text(warp, found->warp, found->lane) +
                    (other_block ? " of block " + block_text(*warp.launch, found->block - 1) : "") +
                    "; nothing orders the two";
           });
}

void Checker::complain(Warp& warp, const Access& access, uint32_t lane, uint32_t kind, const std::string& what,
                       const std::function<std::string()>& more) {
  findings_.add(access.place, kind, [&] {
    return std::vector<std::string>{what, "at " + readable(warp.launch->kernel_name) + ", " + line_text(access.place),
                                    "by thread " + thread_place(warp, lane) + " of block " + triple(warp.block_index),
                                    more()};
  });
}

GlobalRaces* Checker::races_of(const Job& job) {
  std::lock_guard hold(launches_lock_);
  auto& made = launches_[&job];
  if (!made) made = std::make_unique<GlobalRaces>();
  return made.get();
}

void Checker::ended(const Job& job) {
  if (checks_.races) {
    std::lock_guard hold(launches_lock_);
    auto found = launches_.find(&job);
    if (found != launches_.end() && !found->second->complete())
      base::log(base::Level::warn, "races were looked for in a part of the global memory only: the kernel touches more",
                {{"kernel", readable(job.launch.kernel_name)}});
    if (found != launches_.end()) launches_.erase(found);
  }
  findings_.print();
}

void Checker::fence(Warp& warp) {
  if (!checks_.races) return;
  CheckedBlock& block = CheckedBlock::of(*static_cast<Block*>(warp.block));
  block.global_races->next_access(block.in_launch);
  block.global_races->release(block.in_launch);
}

void Checker::meet(Warp& warp, uint32_t lanes) {
  if (checks_.races) CheckedBlock::of(*static_cast<Block*>(warp.block)).races.meet(warp.warp_index, lanes);
}

void Checker::allocated(uint64_t address, uint64_t size) {
  if (written_) written_->clear(address, size);
  std::lock_guard hold(launches_lock_);
  for (auto& [job, races] : launches_) races->forget(address, size);
}

void Checker::written(uint64_t address, uint64_t size) {
  if (written_) written_->set(address, size);
}

void Checker::copied(uint64_t to, uint64_t from, uint64_t size) {
  if (written_) written_->copy(to, from, size);
}

void Checker::bad_range(const char* function, uint64_t address, uint64_t size) {
  if (!checks_.memory) return;
  findings_.add({std::string("Invalid range for ") + function,
                 bytes_text(size) + " from " + hexadecimal(address) + ": " + places_.describe(address, size, nullptr)});
  findings_.print();
}

void Checker::bad_free(const char* function, uint64_t address) {
  if (!checks_.memory) return;
  findings_.add({std::string("Invalid free by ") + function,
                 "address " + hexadecimal(address) + ": " + places_.describe(address, 1, nullptr)});
  findings_.print();
}

uint64_t Checker::finish() {
  if (checks_.leaks)
    for (const Allocation& left : memory_.all())
      if (left.kind == MemoryKind::device || left.kind == MemoryKind::managed)
        findings_.add({"Leak: " + bytes_text(left.size) + " of device memory are not freed",
                       "allocation at " + hexadecimal(left.address)});
  findings_.print();
  return findings_.count();
}

}  // namespace software
