// What each function that travels means for work that is under way (queued.h).
#pragma once
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace client {

enum class Effect : uint8_t {
  none,
  work,          // queues something in its stream; without one, in the legacy stream
  wait_context,  // done: everything in the context
  wait_stream,   // its stream
  wait_legacy,   // the legacy stream and all that it waits for
  wait_event,    // the work before the event's last record
  query_stream,  // the same without waiting
  query_event,
  record,           // an event in a stream
  record_in_graph,  // from here on the stream only records (graphs)
  make_stream,
  make_event,
  open_event,  // of another process: nothing is known of it
  end_event,
  end_stream,
};
// Nothing is asked, so there is nothing that could be answered without the device.
constexpr bool asks_nothing(Effect effect) { return effect == Effect::none || effect == Effect::work; }

struct FunctionEffect {
  std::string_view function;
  Effect effect;
};
// Of calls that wait, those not named here leave nothing behind. One-way calls are work unless it says otherwise here.
inline constexpr FunctionEffect effects[] = {
    {"cuCtxSynchronize", Effect::wait_context},
    {"cuStreamSynchronize", Effect::wait_stream},
    {"cuStreamQuery", Effect::query_stream},
    {"cuMemcpyDtoH_v2", Effect::wait_legacy},
    {"obCopyToShared", Effect::wait_legacy},
    {"obCopyFromShared", Effect::wait_legacy},
    {"cuEventSynchronize", Effect::wait_event},
    {"cuEventQuery", Effect::query_event},
    {"cuMemAllocAsync", Effect::work},
    {"cuEventRecord", Effect::record},
    {"obGraphBegin", Effect::record_in_graph},
    {"obGraphBody", Effect::record_in_graph},
    {"cuStreamCreate", Effect::make_stream},
    {"cuStreamCreateWithPriority", Effect::make_stream},
    {"cuEventCreate", Effect::make_event},
    {"cuIpcOpenEventHandle", Effect::open_event},
    {"cuEventDestroy_v2", Effect::end_event},
    {"cuStreamDestroy_v2", Effect::end_stream},
    {"cuMemFree_v2", Effect::none},  // waits at the device for all work before it, and leaves none
    {"cuDevicePrimaryCtxRetain", Effect::none},
    {"cuCtxCreate_v2", Effect::none},
    {"obModuleUnload", Effect::none},
    {"obFunctionSetAttribute", Effect::none},
    {"obMemoryChanges", Effect::none},
    {"obWatchEvent", Effect::none},
    {"obUnwatchEvent", Effect::none},
    {"obLeaseSettle", Effect::none},
    {"obHostWrite", Effect::none},
    {"obHostUnmap", Effect::none},
    {"obCheckHostMemory", Effect::none},
    {"obCheckWritten", Effect::none},
    {"obCheckBadFree", Effect::none},
};

constexpr Effect effect_of(std::string_view function, bool waits) {
  auto known = std::ranges::find(effects, function, &FunctionEffect::function);
  return known != std::end(effects) ? known->effect : waits ? Effect::none : Effect::work;
}

}  // namespace client
