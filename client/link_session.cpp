// session.h over a link.
#include "client/connection.h"

#include <pthread.h>

#include <atomic>
#include <optional>

#include "client/cuda/checking.h"
#include "client/cuda/leases.h"
#include "client/queued.h"
#include "wire/digest.h"

namespace client {
namespace {

// Never destroyed: programs call the driver while they exit.
Connection& connection() {
  static Connection* made = new Connection;
  return *made;
}

std::atomic<bool> watches{true};  // until a server says that it does not know them

// What is known without asking; an error, where nothing works any more.
std::optional<CUresult> known(const Row& row, std::span<const api::Role> roles, uint64_t context) {
  auto answer = queued().answer(row.effect, roles, context);
  CUresult failure = answer ? connection().failure() : CUDA_SUCCESS;
  return failure ? failure : answer;
}

// Of a query whose answer is not known: the device tells when the place is reached, so that the program may ask as
// often as it likes. On the same machine asking costs as little as looking whether something was told.
std::optional<CUresult> look(const Row& row, std::span<const api::Role> roles, uint64_t context) {
  if (row.effect != Effect::query_event && row.effect != Effect::query_stream) return std::nullopt;
  if (!watches || connection().host_area() >= 0 || connection().host_functions_pending()) return std::nullopt;
  connection().flush();
  connection().take_what_is_there();
  if (auto answer = known(row, roles, context)) return answer;
  if (queued().watched(row.effect, roles, context)) return CUDA_ERROR_NOT_READY;
  const uint64_t watch = queued().watch(row.effect, roles, context);
  if (!watch) return std::nullopt;
  void* object = roles[0].pointer();
  CUresult result = row.effect == Effect::query_event ? remote::obQueryEvent(static_cast<CUevent>(object), watch)
                                                      : remote::obQueryStream(static_cast<CUstream>(object), watch);
  if (result != CUDA_ERROR_NOT_READY) queued().end_watch(watch, result);
  if (result != CUDA_ERROR_NOT_SUPPORTED) return result;
  watches = false;
  return std::nullopt;
}

// Without a wait, where that is possible.
std::optional<CUresult> answer(const Row& row, std::span<const api::Role> roles, uint64_t context) {
  if (asks_nothing(row.effect)) return std::nullopt;
  auto answer = known(row, roles, context);
  return answer ? answer : look(row, roles, context);
}

// An event that is queried is told of from its record on.
CUresult watch_record(std::span<const api::Role> roles) {
  if (!watches || connection().host_area() >= 0) return CUDA_SUCCESS;
  const uint64_t watch = queued().watch_record(roles);
  return watch ? remote::obWatchEvent(static_cast<CUevent>(roles[0].pointer()), watch) : CUDA_SUCCESS;
}

}  // namespace

// After the program's own exit handlers: cudart's still make calls.
__attribute__((destructor)) void leave() { connection().leave(); }

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
uint64_t last_work(CUstream stream) { return queued().last(reinterpret_cast<uint64_t>(stream), current_context()); }
bool work_is_done(uint64_t number, CUstream stream) {
  return queued().done(number, reinterpret_cast<uint64_t>(stream), current_context());
}
int shared_host_area() { return connection().host_area(); }
void flush() { connection().flush(); }
void expect_sending() { connection().expect_sending(); }
void forget_context(uint64_t number) { queued().forget(number); }
CUresult context_failure() { return connection().failure(); }
bool name_image(std::span<const std::byte> image, ImageDigest& digest) {
  digest = wire::digest_of(image);
  return true;
}

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
  if (memory_changed.load(std::memory_order_acquire))
    if (CUresult result = tell_memory_changes()) return result;
  const uint64_t context = current_context();
  if (auto answered = answer(row, roles, context)) return *answered;
  if (row.effect == Effect::end_event && queued().unwatch(roles))
    remote::obUnwatchEvent(static_cast<CUevent>(roles[0].pointer()));
  const uint64_t settled = leases_settled();
  const Queued::Covered covered = queued().covered(row.effect, roles, context);
  uint64_t* new_handle = nullptr;
  for (const api::Role& role : roles)
    if (role.kind == api::Role::new_handle && role.pointer())
      *(new_handle = static_cast<uint64_t*>(role.pointer())) = new_number();
  bool waits = row.waits || connection().host_functions_pending();
  CUresult result = waits ? connection().call(row, roles) : connection().post(row, roles);
  if (result != CUDA_SUCCESS && new_handle) *new_handle = 0;
  if (result == CUDA_ERROR_OUT_OF_MEMORY && (settle_leases() || leases_settled() != settled))
    return forward(row, roles);
  queued().note(row.effect, roles, context, result, covered);
  if (row.effect == Effect::record && result == CUDA_SUCCESS) return watch_record(roles);
  return result;
}

}  // namespace client
