// The session over a link. One per process: threads share it, and whoever waits for a reply reads for all.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/encode.h"
#include "client/session.h"
#include "link/link.h"
#include "wire/message.h"
#include "wire/posts.h"

namespace client {

class Connection {
 public:
  CUresult start();
  const Inventory& inventory() const { return inventory_; }
  bool usable() const { return usable_.load(std::memory_order_relaxed); }
  int host_area() const { return host_area_.get(); }
  void disown() { usable_ = false; }  // in a forked child

  CUresult call(const Row& row, std::span<const api::Role> roles);
  CUresult post(const Row& row, std::span<const api::Role> roles);
  void flush();
  void expect_sending();      // the flusher is to be awake
  void take_what_is_there();  // of what the server has sent, without waiting for more
  CUresult failure() const;   // why nothing of this thread's context works any more; CUDA_SUCCESS: it does
  void leave();               // the program ends; nothing is sent any more

  uint64_t expect_transfer(void* destination, size_t size, bool lasting);
  uint64_t register_host_function(void (*run)(void*), void* data, bool lasting);
  void forget_lasting(uint64_t number);
  // Host functions are under way: a one-way call must wait then, because it could hold up the server's reading.
  bool host_functions_pending() const { return host_functions_pending_.load(std::memory_order_relaxed) != 0; }

 private:
  struct Waiter {
    std::vector<std::byte> reply;
    bool done = false;
  };
  struct Transfer {
    void* to;
    size_t size;
    bool lasting;
  };
  struct HostFunction {
    uint64_t number;
    void (*run)(void*);
    void* data;
    bool lasting;
  };

  // sending
  void shorten(size_t start);
  void append(const Row& row, wire::Kind kind, uint64_t number, std::span<const api::Role> roles, Bulk* bulk);
  CUresult sticky_error() const;
  bool send_now(const Row& row, wire::Kind kind, uint64_t number, std::span<const api::Role> roles);
  bool write(std::span<iovec> pieces);
  void drain_while_blocked();
  void wake_flusher();
  void run_flusher();
  void call_for_others();  // this thread does not count as one that calls

  // receiving
  void read_or_wait(std::unique_lock<std::mutex>& state);
  // The caller is the reader while `read` runs; it has the state's lock before and after, not meanwhile.
  template <class Read>
  void read_for_all(std::unique_lock<std::mutex>& state, Read read) {
    reading_ = true;
    state.unlock();
    read();
    state.lock();
    reading_ = false;
    if (waiting_) progress_.notify_all();
  }
  bool await(Waiter& waiter, uint64_t number);
  Waiter* take_waiter(uint64_t number);  // the caller has the state's lock
  bool something_is_there();
  bool receive();  // one frame; the caller is the reader
  bool receive_reply(const wire::FrameHead& head);
  bool receive_data(const wire::FrameHead& head);
  bool receive_output(const wire::FrameHead& head);
  bool receive_reached(const wire::FrameHead& head);
  bool skip(size_t size);
  void run_reader();
  void run_host_functions();
  void lose(const char* reason);

  links::Link link_;
  std::unique_ptr<links::Input> input_;
  base::Fd host_area_;
  Inventory inventory_;
  std::string target_;
  std::atomic<bool> usable_{false}, broken_{false};

  std::atomic<int> sticky_{0};  // the error that made sticky_context_ unusable
  std::atomic<uint64_t> sticky_context_{0};

  std::mutex queue_lock_;  // queue_, posts_
  wire::Writer queue_;     // frames not sent yet
  wire::Posts posts_;      // in the order of the queue
  std::mutex send_lock_;   // the link's writing side, sending_
  wire::Writer sending_;
  std::atomic<uint32_t> flusher_awake_{0};
  std::once_flag flusher_started_;

  std::mutex state_lock_;  // everything below
  std::condition_variable progress_;
  bool reading_ = false;
  int waiting_ = 0;                                    // threads in progress_
  std::vector<std::pair<uint64_t, Waiter*>> waiters_;  // by call; few, because each is a thread's
  std::unordered_map<uint64_t, Transfer> transfers_;
  std::unordered_map<uint64_t, HostFunction> host_functions_;
  std::deque<HostFunction> runnable_;
  std::condition_variable runnable_more_;
  std::atomic<int> host_functions_pending_{0};
  std::once_flag host_threads_started_;
  std::atomic<uint64_t> numbers_{1};
};

}  // namespace client
