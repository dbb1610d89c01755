#include "client/queued.h"

#include <algorithm>

namespace client {
namespace {

using api::Role;

uint64_t number_of(const Role& role) { return reinterpret_cast<uint64_t>(role.pointer()); }
uint64_t new_number_of(const Role& role) { return *static_cast<uint64_t*>(role.pointer()); }

// The stream that a row names; 0: the legacy stream.
uint64_t stream_of(std::span<const Role> roles) {
  for (const Role& role : roles)
    if (role.kind == Role::handle && role.type == &api::type_of<CUstream>) return number_of(role);
  return 0;
}

uint64_t event_of(std::span<const Role> roles) {
  for (const Role& role : roles) {
    if (role.type != &api::type_of<CUevent>) continue;
    if (role.kind == Role::handle || role.kind == Role::gone) return number_of(role);
    if (role.kind == Role::new_handle) return new_number_of(role);
  }
  return 0;
}

// The flags of a call that makes something: its first plain parameter.
unsigned flags_of(std::span<const Role> roles) {
  for (const Role& role : roles)
    if (role.kind == Role::value) return *static_cast<const unsigned*>(role.parameter);
  return 0;
}

}  // namespace

bool Queued::reached(uint64_t number, uint64_t stream, uint64_t context) {
  const Context& all = contexts_[context];
  if (number <= all.done) return true;
  if (stream == 0) return number <= all.done_blocking;
  auto found = streams_.find(stream);
  if (found == streams_.end()) return false;
  return number <= found->second.done || (found->second.blocking && number <= all.done_blocking);
}

bool Queued::idle(uint64_t stream, uint64_t context) {
  if (stream == 0) return reached(contexts_[context].last_blocking, 0, context);
  auto found = streams_.find(stream);
  return found != streams_.end() && !found->second.graph && reached(found->second.last, stream, found->second.context);
}

bool Queued::idle(uint64_t context) {
  if (!idle(0, context)) return false;
  return std::ranges::all_of(streams_, [&](const auto& entry) {
    const Stream& stream = entry.second;
    return stream.context != context || stream.graph || reached(stream.last, entry.first, context);
  });
}

std::optional<CUresult> Queued::answer(Effect effect, std::span<const Role> roles, uint64_t context) {
  std::lock_guard hold(lock_);
  bool known = false;
  switch (effect) {
    case Effect::wait_context: known = idle(context); break;
    case Effect::wait_stream:
    case Effect::query_stream: known = idle(stream_of(roles), context); break;
    case Effect::wait_event:
    case Effect::query_event:
    case Effect::record:
    case Effect::end_event: {
      auto event = events_.find(event_of(roles));
      if (event == events_.end()) return CUDA_ERROR_INVALID_HANDLE;
      const Event& at = event->second;
      const bool asks = effect == Effect::wait_event || effect == Effect::query_event;
      known = asks && at.known && reached(at.number, at.stream, at.context);
      break;
    }
    default: break;
  }
  return known ? std::optional(CUDA_SUCCESS) : std::nullopt;
}

Queued::Covered Queued::covered(Effect effect, std::span<const Role> roles, uint64_t context) {
  switch (effect) {
    case Effect::wait_context:
    case Effect::wait_stream:
    case Effect::query_stream:
    case Effect::wait_legacy: break;
    case Effect::wait_event:
    case Effect::query_event: {
      std::lock_guard hold(lock_);
      auto event = events_.find(event_of(roles));
      if (event == events_.end() || !event->second.known) return {};
      return {event->second.number, event->second.stream, event->second.context};
    }
    default: return {};
  }
  std::lock_guard hold(lock_);
  return {number_, effect == Effect::wait_legacy ? 0 : stream_of(roles), context};
}

// A stream that nobody has made counts as the legacy one: the next wait then asks the device, which says so.
void Queued::note_work(uint64_t stream, uint64_t context) {
  auto found = streams_.find(stream);
  ++number_;
  if (found == streams_.end()) return void(contexts_[context].last_blocking = number_);
  if (found->second.graph) return;
  found->second.last = number_;
  if (found->second.blocking) contexts_[found->second.context].last_blocking = number_;
}

void Queued::note_done(const Covered& covered) {
  auto found = streams_.find(covered.stream);
  if (covered.stream && found == streams_.end()) return;
  uint64_t& done = covered.stream ? found->second.done : contexts_[covered.context].done_blocking;
  done = std::max(done, covered.number);
}

void Queued::note(Effect effect, std::span<const Role> roles, uint64_t context, CUresult result,
                  const Covered& covered) {
  if (effect == Effect::none || result != CUDA_SUCCESS) return;
  std::lock_guard hold(lock_);
  switch (effect) {
    case Effect::work: return note_work(stream_of(roles), context);
    case Effect::wait_context:
      contexts_[context].done = std::max(contexts_[context].done, covered.number);
      std::erase_if(streams_, [&](const auto& entry) {
        return entry.second.ended && reached(entry.second.last, entry.first, entry.second.context);
      });
      return;
    case Effect::wait_stream:
    case Effect::query_stream:
    case Effect::wait_legacy:
    case Effect::wait_event:
    case Effect::query_event: return note_done(covered);
    case Effect::make_stream:
      for (const Role& role : roles)
        if (role.kind == Role::new_handle)
          streams_[new_number_of(role)] = {context, !(flags_of(roles) & CU_STREAM_NON_BLOCKING), false, false, 0, 0,
                                           {}};
      return;
    case Effect::record_in_graph:
      for (const Role& role : roles)
        if (role.type == &api::type_of<CUstream>) streams_[number_of(role)].graph = true;
      return;
    case Effect::end_stream:
      for (const Role& role : roles)
        if (auto found = streams_.find(number_of(role)); found != streams_.end()) {
          found->second.ended = true;
          if (reached(found->second.last, found->first, found->second.context)) streams_.erase(found);
        }
      return;
    default: return note_event(effect, roles, context);
  }
}

void Queued::note_event(Effect effect, std::span<const Role> roles, uint64_t context) {
  uint64_t event = event_of(roles);
  if (effect == Effect::end_event) return void(events_.erase(event));
  Event& at = events_[event];
  if (effect != Effect::record) at.context = context;
  if (effect == Effect::open_event || (effect == Effect::make_event && flags_of(roles) & CU_EVENT_INTERPROCESS))
    at.known = false;
  if (effect != Effect::record) return;
  uint64_t stream = stream_of(roles);
  auto found = streams_.find(stream);
  if (found != streams_.end() && found->second.graph) at.known = false;
  note_work(stream, context);
  at = {context, stream, number_, at.known, at.queried, 0};
}

uint64_t Queued::last(uint64_t stream, uint64_t context) {
  std::lock_guard hold(lock_);
  auto found = streams_.find(stream);
  return found == streams_.end() ? contexts_[context].last_blocking : found->second.last;
}

// A stream that was destroyed is known until its work is done.
bool Queued::done(uint64_t number, uint64_t stream, uint64_t context) {
  std::lock_guard hold(lock_);
  return (stream && !streams_.contains(stream)) || reached(number, stream, context);
}

void Queued::forget(uint64_t context) {
  std::lock_guard hold(lock_);
  contexts_.erase(context);
  std::erase_if(streams_, [&](const auto& entry) { return entry.second.context == context; });
  std::erase_if(events_, [&](const auto& entry) { return entry.second.context == context; });
}

// `last`: the number of the stream's last work.
Queued::Watch& Queued::watch_of(uint64_t stream, uint64_t context, uint64_t& last) {
  auto found = streams_.find(stream);
  if (found == streams_.end()) {
    last = contexts_[context].last_blocking;
    return contexts_[context].watch;
  }
  last = found->second.last;
  return found->second.watch;
}

bool Queued::watched(Effect effect, std::span<const Role> roles, uint64_t context) {
  std::lock_guard hold(lock_);
  if (effect == Effect::query_event) {
    auto event = events_.find(event_of(roles));
    return event != events_.end() && watches_.contains(event->second.watch);
  }
  uint64_t last = 0;
  const Watch& watch = watch_of(stream_of(roles), context, last);
  return watch.number == last && watches_.contains(watch.watch);
}

uint64_t Queued::watch(Effect effect, std::span<const Role> roles, uint64_t context) {
  std::lock_guard hold(lock_);
  const uint64_t stream = stream_of(roles);
  if (effect == Effect::query_event) {
    auto event = events_.find(event_of(roles));
    if (event == events_.end() || !event->second.known) return 0;
    Event& at = event->second;
    at.queried = true;
    watches_.erase(at.watch);
    at.watch = ++watch_numbers_;
    watches_[at.watch] = {at.number, at.stream, at.context};
  } else if (stream && !streams_.contains(stream)) {
    return 0;
  } else {
    uint64_t last = 0;
    Watch& watch = watch_of(stream, context, last);
    watch = {++watch_numbers_, last};
    watches_[watch.watch] = {last, stream, context};
  }
  return watch_numbers_;
}

uint64_t Queued::watch_record(std::span<const Role> roles) {
  std::lock_guard hold(lock_);
  auto event = events_.find(event_of(roles));
  if (event == events_.end() || !event->second.known || !event->second.queried) return 0;
  Event& at = event->second;
  at.watch = ++watch_numbers_;
  watches_[at.watch] = {at.number, at.stream, at.context};
  return at.watch;
}

bool Queued::unwatch(std::span<const Role> roles) {
  std::lock_guard hold(lock_);
  auto event = events_.find(event_of(roles));
  return event != events_.end() && watches_.erase(event->second.watch) != 0;
}

void Queued::end_watch(uint64_t watch, CUresult result) {
  std::lock_guard hold(lock_);
  auto found = watches_.find(watch);
  if (found == watches_.end()) return;
  if (result == CUDA_SUCCESS) note_done(found->second);
  watches_.erase(found);
}

Queued& queued() {
  static auto* made = new Queued;  // programs call the driver while they exit
  return *made;
}

}  // namespace client
