// Calls over a link. What is sent goes through one queue, so that calls keep their order; what arrives is read by
// whichever thread waits, or by a thread of our own once the program uses host functions.
#include "client/connection.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "api/window.h"
#include "base/log.h"
#include "client/cuda/checking.h"
#include "client/target.h"

namespace client {
namespace {

using wire::Kind;

constexpr size_t flush_from = 64 << 10;  // bytes in the queue
constexpr unsigned flush_every_us = 200;
constexpr int idle_rounds = 50;  // of flush_every_us, before the flusher sleeps
constexpr int greeting_ms = 10000;
constexpr std::byte zeros[8] = {};

// Has another thread of the program called before? Then a call may not claim to be alone.
bool only_thread() {
  static std::atomic<uint32_t> threads{0};
  thread_local bool counted = false;
  if (!counted) {
    counted = true;
    threads.fetch_add(1, std::memory_order_relaxed);
  }
  return threads.load(std::memory_order_relaxed) == 1;
}

// Errors that leave a context unusable (CUDA Driver API, CUresult: "the process must be terminated and relaunched").
bool is_sticky(CUresult result) {
  return result == CUDA_ERROR_ILLEGAL_ADDRESS || result == CUDA_ERROR_MISALIGNED_ADDRESS ||
         result == CUDA_ERROR_ASSERT || result == CUDA_ERROR_LAUNCH_FAILED ||
         result == CUDA_ERROR_ILLEGAL_INSTRUCTION || result == CUDA_ERROR_INVALID_PC ||
         result == CUDA_ERROR_INVALID_ADDRESS_SPACE || result == CUDA_ERROR_HARDWARE_STACK_ERROR;
}

std::string program_name() {
  char name[256] = {};
  ssize_t size = readlink("/proc/self/exe", name, sizeof name - 1);
  return size > 0 ? std::string(name) : std::string("unknown");
}

// A thread of ours must never run the program's signal handlers.
template <class Body>
void start_thread(Body body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(body).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Device memory lives in the window on the other side, so nothing of this process may.
bool reserve_window() {
  void* window = reinterpret_cast<void*>(api::window_base);
  void* got = mmap(window, api::window_size, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  return got == window;
}

}  // namespace

CUresult Connection::start() {
  target_ = target_from_environment();
  auto greeted = greet(target_, program_name(), greeting_ms, wanted_checks());
  if (!greeted) {
    base::log(base::Level::error, "no GPU", {{"reason", greeted.error()}});
    return CUDA_ERROR_NO_DEVICE;
  }
  if (!reserve_window()) {
    base::log(base::Level::error, "no GPU",
              {{"reason", "the address window is in use by this program; see ARCHITECTURE.md"}});
    return CUDA_ERROR_NO_DEVICE;
  }
  link_ = std::move(greeted.value().link);
  input_ = std::make_unique<links::Input>(link_);
  inventory_ = std::move(greeted.value().welcome.inventory);
  for (DeviceFacts& facts : inventory_.devices) {  // host memory is coherent at launches and waits only (coherence.h)
    facts.attributes[CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM] = 0;
    facts.attributes[CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS] = 0;
    facts.attributes[CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS] = 0;
  }
  usable_ = true;
  return inventory_.devices.empty() ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

void Connection::lose(const char* reason) {
  if (broken_.exchange(true)) return;
  base::log(base::Level::error, "connection lost",
            {{"target", target_}, {"reason", reason}, {"next", "see the server's log, then start the program again"}});
}

// --- sending

void Connection::append(const Row& row, Kind kind, uint64_t number, std::span<const api::Role> roles, Bulk* bulk) {
  size_t start = queue_.bytes().size();
  queue_.put(wire::FrameHead{0, kind, number});
  encode_request(queue_, row.opcode, current_context(), roles, bulk);
  size_t size = queue_.bytes().size() - start - sizeof(wire::FrameHead) + wire::padded(bulk->size);
  auto narrow = static_cast<uint32_t>(size);
  std::memcpy(queue_.bytes().data() + start, &narrow, sizeof narrow);
}

// Sends what is queued, then one more frame whose bulk goes from where it lies. Order of locks: send, then queue.
bool Connection::send_now(const Row& row, Kind kind, uint64_t number, std::span<const api::Role> roles) {
  std::lock_guard sending(send_lock_);
  Bulk bulk;
  {
    std::lock_guard queue(queue_lock_);
    append(row, kind, number, roles, &bulk);
    std::swap(queue_, sending_);
  }
  std::span<std::byte> bytes = sending_.bytes();
  iovec pieces[] = {{bytes.data(), bytes.size()},
                    {const_cast<void*>(bulk.bytes), bulk.size},
                    {const_cast<std::byte*>(zeros), wire::padded(bulk.size) - bulk.size}};
  bool sent = write(pieces);
  sending_.clear();
  return sent;
}

void Connection::flush() {
  std::lock_guard sending(send_lock_);
  {
    std::lock_guard queue(queue_lock_);
    std::swap(queue_, sending_);
  }
  std::span<std::byte> bytes = sending_.bytes();
  iovec piece[] = {{bytes.data(), bytes.size()}};
  if (!bytes.empty()) write(piece);
  sending_.clear();
}

// The caller holds the sender's place. While the peer does not take bytes it may be waiting for us to take some.
bool Connection::write(std::span<iovec> pieces) {
  pieces = links::after(pieces, 0);
  while (!pieces.empty() && !broken_.load(std::memory_order_relaxed)) {
    ssize_t done = link_.write_some(pieces, false);
    if (done >= 0) {
      pieces = links::after(pieces, static_cast<size_t>(done));
    } else if (errno != EAGAIN) {
      lose("the server closed the connection");
    } else {
      drain_while_blocked();
    }
  }
  return pieces.empty();
}

void Connection::drain_while_blocked() {
  pollfd room{link_.out(), POLLOUT, 0};
  for (int look = 0; look < 20; ++look) {  // a reader that keeps up makes room before we would be asleep
    sched_yield();
    if (poll(&room, 1, 0) > 0) return;
  }
  std::unique_lock state(state_lock_);
  bool reader = !reading_;
  if (reader) reading_ = true;
  state.unlock();
  pollfd ready{link_.in(), static_cast<short>(POLLOUT | (reader ? POLLIN : 0)), 0};
  poll(&ready, 1, 1000);
  if (!reader) return;
  if (ready.revents & (POLLIN | POLLHUP | POLLERR)) receive();
  state.lock();
  reading_ = false;
  if (waiting_) progress_.notify_all();
}

CUresult Connection::post(const Row& row, std::span<const api::Role> roles) {
  if (broken_.load(std::memory_order_relaxed)) return CUDA_ERROR_DEVICE_UNAVAILABLE;
  if (CUresult sticky = sticky_error()) return sticky;
  only_thread();
  for (const api::Role& role : roles)
    if (role.kind == api::Role::in && role.size >= bulk_from)
      return send_now(row, Kind::post, 0, roles) ? CUDA_SUCCESS : CUDA_ERROR_DEVICE_UNAVAILABLE;
  bool full;
  {
    std::lock_guard queue(queue_lock_);
    Bulk none;
    append(row, Kind::post, 0, roles, &none);
    full = queue_.bytes().size() >= flush_from;
  }
  if (full) flush();
  if (!flusher_awake_.load(std::memory_order_acquire)) wake_flusher();
  return broken_.load(std::memory_order_relaxed) ? CUDA_ERROR_DEVICE_UNAVAILABLE : CUDA_SUCCESS;
}

// The first call after a pause goes out at once, so that the device starts; those that follow shortly go together.
void Connection::wake_flusher() {
  std::call_once(flusher_started_, [this] { start_thread([this] { run_flusher(); }); });
  if (!flusher_awake_.exchange(1)) syscall(SYS_futex, &flusher_awake_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  flush();
}

void Connection::run_flusher() {
  for (int idle = 0; !broken_;) {
    if (idle == idle_rounds) {
      idle = 0;
      flusher_awake_.store(0, std::memory_order_release);
      while (!flusher_awake_) syscall(SYS_futex, &flusher_awake_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
    usleep(flush_every_us);
    bool empty;
    {
      std::lock_guard queue(queue_lock_);
      empty = queue_.bytes().empty();
    }
    idle = empty ? idle + 1 : 0;
    if (!empty) flush();
  }
}

// --- calling

CUresult Connection::call(const Row& row, std::span<const api::Role> roles) {
  if (broken_.load(std::memory_order_relaxed)) return CUDA_ERROR_DEVICE_UNAVAILABLE;
  bool alone = only_thread() && !host_functions_pending();
  thread_local Waiter waiter;
  uint64_t number = numbers_.fetch_add(1, std::memory_order_relaxed);
  waiter.done = false;
  {
    std::lock_guard state(state_lock_);
    waiters_[number] = &waiter;
  }
  bool sent = send_now(row, alone ? Kind::call_alone : Kind::call, number, roles);
  if (!sent || !await(waiter, number)) return CUDA_ERROR_DEVICE_UNAVAILABLE;
  CUresult result = decode_reply(waiter.reply, roles);
  if (is_sticky(result) && current_context()) {
    sticky_context_.store(current_context(), std::memory_order_relaxed);
    sticky_.store(result, std::memory_order_relaxed);
  }
  return result;
}

// One-way calls into a context that has failed fail at once, as they do in a driver.
CUresult Connection::sticky_error() const {
  int error = sticky_.load(std::memory_order_relaxed);
  if (!error || sticky_context_.load(std::memory_order_relaxed) != current_context()) return CUDA_SUCCESS;
  return static_cast<CUresult>(error);
}

bool Connection::await(Waiter& waiter, uint64_t number) {
  std::unique_lock state(state_lock_);
  while (!waiter.done && !broken_) read_or_wait(state);
  waiters_.erase(number);
  return waiter.done;
}

// --- receiving

// One frame if nobody reads; otherwise until whoever reads has read one.
void Connection::read_or_wait(std::unique_lock<std::mutex>& state) {
  if (reading_) {
    ++waiting_;
    progress_.wait(state);
    --waiting_;
    return;
  }
  reading_ = true;
  state.unlock();
  receive();
  state.lock();
  reading_ = false;
  if (waiting_) progress_.notify_all();
}

bool Connection::receive() {
  wire::FrameHead head;
  bool good = input_->read(&head, sizeof head);
  if (!good) return lose("the server closed the connection"), false;
  good = head.size % 8 == 0 && head.size <= wire::max_reply + 4096;
  if (good) switch (head.kind) {
      case Kind::reply: good = receive_reply(head); break;
      case Kind::data: good = receive_data(head); break;
      case Kind::output: good = receive_output(head); break;
      case Kind::host_function: {
        std::lock_guard state(state_lock_);
        auto found = host_functions_.find(head.number);
        good = head.size == 0 && found != host_functions_.end();
        if (!good) break;
        runnable_.push_back(found->second);
        if (!found->second.lasting) host_functions_.erase(found);
        runnable_more_.notify_one();
        break;
      }
      default: good = false;
    }
  if (!good) lose("the server broke the protocol");
  return good;
}

bool Connection::receive_reply(const wire::FrameHead& head) {
  Waiter* waiter = nullptr;
  {
    std::lock_guard state(state_lock_);
    auto found = waiters_.find(head.number);
    if (found == waiters_.end() || found->second->done) return false;
    waiter = found->second;
  }
  waiter->reply.resize(head.size);
  if (!input_->read(waiter->reply.data(), head.size)) return false;
  std::lock_guard state(state_lock_);
  waiter->done = true;
  return true;
}

// The bytes of a copy go straight to where the program wants them.
bool Connection::receive_data(const wire::FrameHead& head) {
  wire::BytesHead bytes;
  if (head.size < sizeof bytes || !input_->read(&bytes, sizeof bytes)) return false;
  Transfer transfer{};
  {
    std::lock_guard state(state_lock_);
    auto found = transfers_.find(head.number);
    if (found == transfers_.end()) return false;
    transfer = found->second;
    if (!transfer.lasting) transfers_.erase(found);
  }
  if (bytes.size != transfer.size || head.size != sizeof bytes + wire::padded(bytes.size)) return false;
  return input_->read(transfer.to, transfer.size) && skip(wire::padded(bytes.size) - bytes.size);
}

bool Connection::skip(size_t size) {
  std::byte nowhere[8];
  return input_->read(nowhere, size);
}

// What the device's code printed appears where the program's own output does, after what the program printed before.
bool Connection::receive_output(const wire::FrameHead& head) {
  wire::BytesHead bytes;
  if (head.number < 1 || head.number > 2 || head.size < sizeof bytes || !input_->read(&bytes, sizeof bytes))
    return false;
  if (head.size != sizeof bytes + wire::padded(bytes.size)) return false;
  std::vector<std::byte> text(wire::padded(bytes.size));
  if (!input_->read(text.data(), text.size())) return false;
  FILE* stream = head.number == 1 ? stdout : stderr;
  std::fwrite(text.data(), 1, bytes.size, stream);
  std::fflush(stream);
  return true;
}

// --- asynchronous copies and host functions

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

// --- session.h

namespace {

// Never destroyed: programs call the driver while they exit.
Connection& connection() {
  static Connection* made = new Connection;
  return *made;
}

}  // namespace

CUresult connect() {
  static const CUresult result = [] {
    pthread_atfork(nullptr, nullptr, [] { connection().disown(); });
    CUresult started = connection().start();
    if (started == CUDA_SUCCESS) start_checking();
    return started;
  }();
  return result;
}

const Inventory& inventory() { return connection().inventory(); }
bool usable() { return connection().usable(); }
bool in_process() { return false; }
void flush() { connection().flush(); }

uint64_t expect_transfer(void* destination, size_t size) {
  return connection().expect_transfer(destination, size, false);
}
uint64_t register_host_function(void (*run)(void*), void* data) {
  return connection().register_host_function(run, data, false);
}
uint64_t lasting_transfer(void* destination, size_t size) {
  return connection().expect_transfer(destination, size, true);
}
uint64_t lasting_host_function(void (*run)(void*), void* data) {
  return connection().register_host_function(run, data, true);
}
void forget_lasting(uint64_t number) { connection().forget_lasting(number); }

CUresult forward(const Row& row, std::span<const api::Role> roles) {
  if (!connection().usable()) return CUDA_ERROR_NOT_INITIALIZED;
  uint64_t* new_handle = nullptr;
  for (const api::Role& role : roles)
    if (role.kind == api::Role::new_handle && role.pointer())
      *(new_handle = static_cast<uint64_t*>(role.pointer())) = new_number();
  bool waits = row.waits || connection().host_functions_pending();
  CUresult result = waits ? connection().call(row, roles) : connection().post(row, roles);
  if (result != CUDA_SUCCESS && new_handle) *new_handle = 0;
  return result;
}

}  // namespace client
