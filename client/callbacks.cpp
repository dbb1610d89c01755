// Asynchronous copies to the host, and host functions: what the server does to this process by its own choice of time.
#include "client/connection.h"
#include "client/threads.h"

namespace client {

using wire::Kind;

uint64_t Connection::expect_transfer(void* destination, size_t size, bool lasting) {
  uint64_t number = numbers_.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard state(state_lock_);
  transfers_[number] = {destination, size, lasting};
  return number;
}

void Connection::forget_lasting(uint64_t number) {
  std::lock_guard state(state_lock_);
  transfers_.erase(number);
  host_functions_.erase(number);
}

// Whoever launches a graph with lasting functions registers one more, for its end, so that they count as pending.
uint64_t Connection::register_host_function(void (*run)(void*), void* data, bool lasting) {
  std::call_once(host_threads_started_, [this] {
    start_thread([this] { run_reader(); });
    start_thread([this] { run_host_functions(); });
  });
  uint64_t number = numbers_.fetch_add(1, std::memory_order_relaxed);
  if (!lasting) host_functions_pending_.fetch_add(1);
  std::lock_guard state(state_lock_);
  host_functions_[number] = {number, run, data, lasting};
  return number;
}

// From the first host function on somebody always reads, because the server may ask at any time.
void Connection::run_reader() {
  std::unique_lock state(state_lock_);
  while (!broken_) read_or_wait(state);
}

void Connection::run_host_functions() {
  for (;;) {
    HostFunction next;
    {
      std::unique_lock state(state_lock_);
      runnable_more_.wait(state, [this] { return !runnable_.empty(); });
      next = runnable_.front();
      runnable_.pop_front();
    }
    next.run(next.data);
    wire::FrameHead done{0, Kind::host_function_done, next.number};
    if (!next.lasting) host_functions_pending_.fetch_sub(1);
    std::lock_guard sending(send_lock_);
    iovec piece[] = {{&done, sizeof done}};
    write(piece);
  }
}

}  // namespace client
