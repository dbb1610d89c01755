#include "device/software/check/checker.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "api/window.h"
#include "device/software/check/block.h"
#include "device/software/check/lane.h"
#include "device/software/check/wording.h"
#include "device/software/run/complaint.h"

namespace software {
namespace {

constexpr uint64_t gap = Memory::granule;  // between allocations, so that a step too far is nobody's memory

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

void Checker::complain(Warp& warp, const Access& access, uint32_t lane, uint32_t kind, const std::string& what,
                       const std::function<std::string()>& more) {
  findings_.add(access.place, kind, [&] {
    return std::vector<std::string>{what, "at " + readable(warp.launch->kernel_name) + ", " + line_text(access.place),
                                    "by thread " + thread_place(warp, lane) + " of block " + triple(warp.block_index),
                                    more()};
  });
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
