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

 private:
  struct Stream {
    uint64_t context = 0;
    bool blocking = false, graph = false, ended = false;
    uint64_t last = 0, done = 0;  // numbers of work
  };
  struct Context {
    uint64_t last_blocking = 0, done_blocking = 0;  // of the legacy stream and the blocking ones
    uint64_t done = 0;
  };
  struct Event {
    uint64_t context = 0, stream = 0, number = 0;  // of the last record; number 0: there was none
    bool known = true;                             // false: others record it, too
  };
  bool idle(uint64_t stream, uint64_t context);
  bool idle(uint64_t context);
  bool reached(uint64_t number, uint64_t stream, uint64_t context);
  void note_work(uint64_t stream, uint64_t context);
  void note_done(const Covered& covered);
  void note_event(Effect effect, std::span<const api::Role> roles, uint64_t context);

  std::mutex lock_;
  uint64_t number_ = 0;                           // of the last work
  std::unordered_map<uint64_t, Stream> streams_;  // by number; without the legacy streams
  std::unordered_map<uint64_t, Context> contexts_;
  std::unordered_map<uint64_t, Event> events_;
};

}  // namespace client
