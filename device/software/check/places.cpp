#include "device/software/check/places.h"

#include <algorithm>

#include "api/window.h"
#include "device/software/check/wording.h"
#include "device/software/run/complaint.h"
#include "device/software/run/heap.h"

namespace software {
namespace {

constexpr uint64_t null_page = 4096;

template <class Map>
auto last_from(Map& map, uint64_t address) {
  auto after = map.upper_bound(address);
  return after == map.begin() ? map.end() : std::prev(after);
}

uint64_t distance(uint64_t begin, uint64_t end, uint64_t address) {
  return address < begin ? begin - address : address < end ? 0 : address - end + 1;
}

}  // namespace

std::optional<MemoryRange> Places::find(uint64_t address, const Job& job) {
  if (in_device_area(address)) {
    std::optional<Allocation> found = memory_.find(address);
    if (!found || !found->open) return std::nullopt;
    if (found->kind == MemoryKind::module) return find_variable(address, *found);
    if (found->kind == MemoryKind::heap) {
      auto given = job.heap ? job.heap->find(address) : std::nullopt;
      if (!given) return std::nullopt;
      return MemoryRange{given->first, given->first + given->second, true};
    }
    return MemoryRange{found->address, found->address + found->size, found->kind == MemoryKind::device};
  }
  const auto parameters = reinterpret_cast<uint64_t>(job.launch.parameters);
  if (address - parameters < job.launch.parameter_bytes)
    return MemoryRange{parameters, parameters + job.launch.parameter_bytes};
  const uint64_t workspace = job.launch.grid_workspace;
  if (workspace && address - workspace < sizeof(Job::GridWorkspace))
    return MemoryRange{workspace, workspace + sizeof(Job::GridWorkspace)};
  std::lock_guard hold(lock_);
  auto host = last_from(host_, address);
  if (host == host_.end() || address >= host->second) return std::nullopt;
  return MemoryRange{host->first, host->second};
}

std::optional<MemoryRange> Places::find_variable(uint64_t address, const Allocation& module) {
  std::lock_guard hold(lock_);
  auto found = last_from(variables_, address);
  if (found == variables_.end() || found->first < module.address || address >= found->second.end) return std::nullopt;
  return MemoryRange{found->first, found->second.end};
}

void Places::add_host(uint64_t address, uint64_t size) {
  std::lock_guard hold(lock_);
  host_[address] = address + size;
  memory_.note_change();
}

void Places::remove_host(uint64_t address) {
  std::lock_guard hold(lock_);
  host_.erase(address);
  memory_.note_change();
}

// Those of modules that are gone lie where another module's come to lie.
void Places::add_variable(const std::string& name, uint64_t address, uint64_t size) {
  std::lock_guard hold(lock_);
  auto at = last_from(variables_, address);
  if (at == variables_.end() || at->second.end <= address) at = variables_.lower_bound(address);
  while (at != variables_.end() && at->first < address + size) at = variables_.erase(at);
  variables_[address] = {address + size, name};
  memory_.note_change();
}

std::optional<Places::Range> Places::nearest(uint64_t address, const Job* job) {
  std::optional<Range> best;
  auto offer = [&](std::string what, uint64_t begin, uint64_t end, bool open = true) {
    if (best && distance(best->begin, best->end, address) <= distance(begin, end, address)) return;
    best = Range{std::move(what), begin, end, open};
  };
  std::optional<Allocation> allocation = memory_.nearest(address);
  if (allocation && allocation->kind == MemoryKind::heap && job && job->heap) {
    if (auto given = job->heap->nearest(address)) offer("what malloc gave", given->first, given->first + given->second);
  } else if (allocation && allocation->kind != MemoryKind::module) {
    offer("the allocation", allocation->address, allocation->address + allocation->size, allocation->open);
  }
  std::lock_guard hold(lock_);
  for (const auto& [begin, named] : variables_)
    if (memory_.find(begin)) offer("the variable " + named.name, begin, named.end);
  for (const auto& [begin, end] : host_) offer("the host memory", begin, end);
  return best;
}

std::string Places::describe(uint64_t address, uint64_t bytes, const Job* job) {
  if (address < null_page) return "a null pointer";
  auto of = [](const std::string& what, uint64_t size, uint64_t begin) {
    return what + " of " + bytes_text(size) + " at " + hexadecimal(begin);
  };
  if (auto gone = memory_.find_freed(address))
    return "byte " + std::to_string(address - gone->address) + " of an allocation of " + bytes_text(gone->size) +
           " at " + hexadecimal(gone->address) + " that was freed";
  const std::optional<Range> near = nearest(address, job);
  constexpr uint64_t far = uint64_t{1} << 30;
  if (!near || distance(near->begin, near->end, address) > far)
    return address - window_base() < api::window_size
               ? "nothing is allocated near it"
               : "no device memory, and no host memory that is shared with the device";
  const std::string what = of(near->what, near->end - near->begin, near->begin);
  if (address < near->begin) return bytes_text(near->begin - address) + " before " + what;
  if (address >= near->end) return bytes_text(address - near->end) + " behind " + what;
  if (bytes > near->end - address) return bytes_text(bytes - (near->end - address)) + " over the end of " + what;
  return "byte " + std::to_string(address - near->begin) + " of " + what +
         (near->open ? "" : ", which may not be touched");
}

}  // namespace software
