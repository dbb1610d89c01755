// What may still be under way at the device, as far as this process knows: a wait for nothing needs no answer, and an
// event that is known to be reached needs no question.
//
// Every row that this process sends passes by (link_session.cpp). Work gets a number when it has been sent; a wait that
// has succeeded tells up to which number everything is done: in one stream, in all streams that the legacy stream waits
// for, or in a context. Thread-safe.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>

#include "api/cuda/abi.h"
#include "api/roles.h"
#include "client/effects.h"

namespace client {

class Queued {
 public:
  // The answer, where it is known without asking.
  std::optional<CUresult> answer(Effect effect, std::span<const api::Role> roles, uint64_t context);
  // Work up to `number` in a stream, or in a context.
  struct Covered {
    uint64_t number = 0, stream = 0, context = 0;
  };
  // What a wait covers that is about to be sent.
  Covered covered(Effect effect, std::span<const api::Role> roles, uint64_t context);
  // After a row was sent and, if it waits, was answered.
  void note(Effect effect, std::span<const api::Role> roles, uint64_t context, CUresult result, const Covered& covered);
  void forget(uint64_t context);  // it is gone
  // The number of the last work that a stream (0: the legacy stream) has or waits for, and whether it is done.
  uint64_t last(uint64_t stream, uint64_t context);
  bool done(uint64_t number, uint64_t stream, uint64_t context);

  // --- places that the device tells of when they are reached
  // A query's place is watched already: it is not reached.
  bool watched(Effect effect, std::span<const api::Role> roles, uint64_t context);
  // The number of a new watch for a query; 0: it can only be asked.
  uint64_t watch(Effect effect, std::span<const api::Role> roles, uint64_t context);
  // The number of a watch for what was just recorded; 0: nobody has ever queried that event.
  uint64_t watch_record(std::span<const api::Role> roles);
  // The event is about to be destroyed. False: it is not watched.
  bool unwatch(std::span<const api::Role> roles);
  // What the device told, or answered.
  void end_watch(uint64_t watch, CUresult result);

 private:
  struct Watch {
    uint64_t watch = 0, number = 0;  // of the work it covers
  };
  struct Stream {
    uint64_t context = 0;
    bool blocking = false, graph = false, ended = false;
    uint64_t last = 0, done = 0;  // numbers of work
    Watch watch = {};
  };
  struct Context {
    uint64_t last_blocking = 0, done_blocking = 0;  // of the legacy stream and the blocking ones
    uint64_t done = 0;
    Watch watch = {};  // of the legacy stream
  };
  struct Event {
    uint64_t context = 0, stream = 0, number = 0;  // of the last record; number 0: there was none
    bool known = true;                             // false: others record it, too
    bool queried = false;
    uint64_t watch = 0;  // of that record
  };
  bool idle(uint64_t stream, uint64_t context);
  bool idle(uint64_t context);
  bool reached(uint64_t number, uint64_t stream, uint64_t context);
  void note_work(uint64_t stream, uint64_t context);
  void note_done(const Covered& covered);
  Watch& watch_of(uint64_t stream, uint64_t context, uint64_t& last);
  void note_event(Effect effect, std::span<const api::Role> roles, uint64_t context);

  std::mutex lock_;
  uint64_t number_ = 0;                           // of the last work
  std::unordered_map<uint64_t, Stream> streams_;  // by number; without the legacy streams
  std::unordered_map<uint64_t, Context> contexts_;
  std::unordered_map<uint64_t, Event> events_;
  uint64_t watch_numbers_ = 0;
  std::unordered_map<uint64_t, Covered> watches_;  // not reached yet
};

Queued& queued();  // the process's

}  // namespace client
