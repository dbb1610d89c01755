// A connection that may break. Both sides keep what the other has not acknowledged, within a bound; on a new connection
// they tell each other how much has come, and go on at the very byte. PROTOCOL.md, "A connection that may break".
//
// Bytes travel in records, so that acknowledgements can go between the pieces of a long frame. Bulk may go over further
// connections (lanes.h): then a record on the first one says only that the next bytes come there. So the first alone
// keeps the order, what is kept is sent from where it lies, and all of them break as one.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "link/channel.h"
#include "link/lanes.h"
#include "link/patience.h"

namespace links {

class Resumable final : public Channel {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr size_t window = size_t{8} << 20;  // bytes that may be unacknowledged

  // What a new connection starts with.
  struct Return {
    std::unique_ptr<Channel> channel;
    uint64_t received = 0;  // bytes of ours that the peer has
  };
  // One attempt: tells the peer how many of its bytes have come. Nothing: not this time; with `refused` never again.
  using Meet = std::function<std::optional<Return>(uint64_t received, std::string& refused)>;

  // `reconnect` empty: the peer is the one who returns, through resume().
  Resumable(std::unique_ptr<Channel> channel, std::chrono::milliseconds grace, Meet reconnect = {},
            LaneOptions lanes = {});
  ~Resumable() override;

  // Takes the place of the present connection, whatever its state.
  bool resume(const Meet& meet);
  // A further connection beside the present one (Lanes::join).
  bool join(size_t number, const std::function<std::unique_ptr<Channel>(Joining)>& greet);
  // We leave for good: the peer need not wait for our return.
  void farewell() override;
  // Why it is over; empty while it is not.
  std::string reason() override;

  ssize_t write_now(std::span<iovec> pieces) override;
  ssize_t read_now(void* to, size_t room) override;
  ssize_t read_some(void* to, size_t room, bool all) override;
  Ready wait(bool reading, bool writing, int milliseconds) override;
  bool wants_buffer() const override { return false; }
  bool flushed() override { return !unsent_.load(std::memory_order_acquire); }
  int descriptor() const override { return -1; }
  bool gone() override;
  size_t connections() override { return 1 + lanes_->count(); }

 private:
  // `elsewhere` and a lane's number: that lane brings the next bytes of the stream.
  enum Kind : uint32_t { data = 1, acknowledgement = 2, leaving = 3, elsewhere = 16 };
  struct Head {
    uint32_t size;  // bytes that follow, here or on a lane
    uint32_t kind;
    uint64_t consumed;  // bytes of the other direction that the sender has used: so many fewer are kept
  };

  std::shared_ptr<Channel> current();
  void broke(const Channel* which);
  void end(const std::string& reason);
  void nudge();
  bool mend(Clock::time_point until);
  bool is_full() const { return appended_ - acknowledged_ == window; }
  bool replace(const Meet& meet, std::string& refused);
  std::shared_ptr<Channel> current_if_whole();

  // The caller holds out_lock_.
  void pump();
  bool begin_record();
  std::array<iovec, 2> stretch(size_t size);  // of what is kept, from sent_ on
  void keep(const void* bytes, size_t size);
  size_t keep_some(std::span<const iovec> pieces, size_t done);
  // The caller holds in_lock_. Bytes of data; -1 with EAGAIN.
  ssize_t take(void* to, size_t room);
  bool begin_reading(const Head& head);
  bool has_sent(uint64_t position);
  bool is_too_slow(const Lane& lane, const Channel& channel) const;
  ssize_t take_elsewhere(const Channel& channel, void* to, size_t room);
  void hold_what_is_there();
  // Where the next bytes come from, and whether that is known without a poll.
  struct Source {
    std::shared_ptr<Lane> lane;
    int descriptor;
    bool ready;
  };
  Source next_source(Channel& channel);
  void consume(size_t size);

  const std::chrono::milliseconds grace_;
  const Meet reconnect_;
  base::Fd nudge_;  // wakes whoever waits: something has changed beside the socket
  std::atomic<bool> ended_{false};

  const std::shared_ptr<Lanes> lanes_;

  std::mutex state_lock_;  // the next four
  std::shared_ptr<Channel> channel_;
  std::optional<Clock::time_point> broken_since_;
  std::optional<Clock::time_point> hung_up_since_;
  std::string reason_;
  std::mutex mending_;

  // Locks in this order: mending_, in_lock_, out_lock_, state_lock_.
  std::mutex out_lock_;
  std::vector<std::byte> kept_;
  uint64_t origin_ = 0;  // the byte that lies at kept_[0]; changes only while nothing is kept
  std::atomic<uint64_t> appended_{0}, acknowledged_{0};
  std::atomic<uint64_t> sent_{0};
  Head head_{};
  size_t head_left_ = 0, record_left_ = 0;  // of the record that is being sent
  std::atomic<uint64_t> told_{0};           // how much of consumed_ the peer knows
  std::atomic<bool> unsent_{false};
  bool farewell_ = false;

  std::mutex in_lock_;
  std::vector<std::byte> raw_;
  size_t raw_begin_ = 0, raw_end_ = 0;
  Head incoming_{};
  size_t incoming_has_ = 0;             // bytes of its head
  size_t incoming_left_ = 0;            // bytes of its data
  size_t incoming_lane_ = 0;            // that brings them; 0: the first connection
  std::atomic<bool> lane_lags_{false};  // that one had nothing when it was last asked
  std::vector<std::byte> held_;         // data that came while somebody waited for acknowledgements
  size_t held_begin_ = 0;
  std::atomic<bool> holds_{false};
  std::atomic<uint64_t> consumed_{0};
  Patience patience_;
};

}  // namespace links
