// Calls over a link: how one starts and ends. How it travels: sending.cpp, receiving.cpp.
#include "client/connection.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "api/window.h"
#include "base/log.h"
#include "client/cuda/checking.h"
#include "client/target.h"
#include "client/trace.h"

namespace client {
namespace {

using wire::Kind;

constexpr size_t flush_from = 64 << 10;  // bytes in the queue
constexpr int greeting_ms = 10000;

thread_local bool counted = false;
// Has another thread of the program called before? Then a call may not claim to be alone.
bool only_thread() {
  static std::atomic<uint32_t> threads{0};
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
  auto greeted = greet(target_, program_name(), greeting_ms, wanted_checks(), usual_wishes());
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
  host_area_ = std::move(greeted.value().host_area);
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
  std::string known = link_.channel().reason();
  base::log(base::Level::error, "connection lost",
            {{"target", target_},
             {"reason", known.empty() ? reason : known},
             {"next", "see the server's log, then start the program again"}});
}

// What the flusher sends for others may wait until their calls are answered.
void Connection::call_for_others() { counted = true; }

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
    append(row, Kind::post, 0, roles, nullptr);
    full = queue_.bytes().size() >= flush_from;
  }
  if (full) flush();
  expect_sending();
  return broken_.load(std::memory_order_relaxed) ? CUDA_ERROR_DEVICE_UNAVAILABLE : CUDA_SUCCESS;
}

CUresult Connection::call(const Row& row, std::span<const api::Role> roles) {
  if (broken_.load(std::memory_order_relaxed)) return CUDA_ERROR_DEVICE_UNAVAILABLE;
  trace_wait(row.name);
  bool alone = only_thread() && !host_functions_pending();
  thread_local Waiter waiter;
  uint64_t number = numbers_.fetch_add(1, std::memory_order_relaxed);
  waiter.done = false;
  {
    std::lock_guard state(state_lock_);
    waiters_.emplace_back(number, &waiter);
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

CUresult Connection::failure() const {
  return broken_.load(std::memory_order_relaxed) ? CUDA_ERROR_DEVICE_UNAVAILABLE : sticky_error();
}

bool Connection::await(Waiter& waiter, uint64_t number) {
  std::unique_lock state(state_lock_);
  while (!waiter.done && !broken_) read_or_wait(state);
  if (!waiter.done) take_waiter(number);
  return waiter.done;
}

Connection::Waiter* Connection::take_waiter(uint64_t number) {
  auto found = std::ranges::find(waiters_, number, &std::pair<uint64_t, Waiter*>::first);
  if (found == waiters_.end()) return nullptr;
  Waiter* waiter = found->second;
  waiters_.erase(found);
  return waiter;
}

}  // namespace client
