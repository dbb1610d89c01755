// The further connections that a session has beside its first: which there are, and how they come about. The client
// opens them when it first moves bulk, so that a start takes no longer; the server lets in as many as were agreed on.
#pragma once
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "link/lane.h"

namespace links {

enum class Joining : uint64_t { not_now, welcome, never };  // as PROTOCOL.md, "Further connections for bulk", has it

struct LaneOptions {
  size_t most = 0;  // beside the first connection
  // The client's: connects as number 1, 2, ...; nothing: `answer` says whether to try again.
  std::function<std::unique_ptr<Channel>(size_t number, Joining& answer)> open;
  std::chrono::milliseconds patience{10'000};  // for bytes that were announced
  size_t worth_opening = size_t{4} << 20;      // bytes of bulk
};

class Lanes : public std::enable_shared_from_this<Lanes> {
 public:
  // `changed`: an eventfd that is told of every lane that comes.
  Lanes(LaneOptions options, base::Fd changed);

  // Bulk is moving: the client's lanes come about, on a thread of their own.
  void note_bulk(size_t size);
  // A peer that has the session's key comes as `number`: `greet` gives it the answer, and the connection if it may
  // stay.
  bool join(size_t number, const std::function<std::unique_ptr<Channel>(Joining)>& greet);

  // The lane with the least to send, if it could take more; nullptr: none. Its number.
  std::shared_ptr<Lane> idle(size_t& number);
  // `coming`: there is none yet, but it is on its way.
  std::shared_ptr<Lane> find(size_t number, bool& coming);
  size_t most() const { return options_.most; }
  size_t count() const { return count_.load(std::memory_order_acquire); }
  std::chrono::milliseconds patience() const { return options_.patience; }

  // Forgets lanes that broke while nothing was on them. True: one has lost bytes that are not acknowledged.
  bool have_lost(uint64_t acknowledged);
  // What lies before `position` of the stream has left every lane; false: not within `patience` of each.
  bool have_sent(uint64_t position, std::chrono::milliseconds patience);
  // Until everything given has left, or the time is over.
  void drain(std::chrono::milliseconds most);
  // All lanes end with the connection that they belong to. cut(): without waiting for their threads.
  void cut();
  void end();
  // There will be no more: one was too slow.
  void give_up() { wanted_ = false; }

 private:
  struct Slot {
    std::shared_ptr<Lane> lane;
    bool coming = false;
  };
  bool begin(size_t number, uint64_t& age);
  void finish(size_t number, uint64_t age, std::unique_ptr<Channel> channel);
  void open_all();

  const LaneOptions options_;
  const base::Fd changed_;
  std::atomic<bool> wanted_{true}, opening_{false};
  std::atomic<size_t> count_{0}, bulk_{0};

  std::mutex lock_;
  std::vector<Slot> slots_;
  std::vector<std::shared_ptr<Lane>> cut_;  // whose threads may still run
  uint64_t age_ = 0;                        // of the first connection: what was begun for an earlier one is dropped
};

}  // namespace links
