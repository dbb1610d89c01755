// session.h over a link.
#include "client/connection.h"

#include <pthread.h>

#include "client/cuda/checking.h"
#include "client/queued.h"
#include "wire/digest.h"

namespace client {
namespace {

// Never destroyed: programs call the driver while they exit.
Connection& connection() {
  static Connection* made = new Connection;
  return *made;
}

Queued& queued() {
  static Queued* made = new Queued;
  return *made;
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
int shared_host_area() { return connection().host_area(); }
void flush() { connection().flush(); }
void forget_context(uint64_t number) { queued().forget(number); }
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
  const uint64_t context = current_context();
  if (auto known = queued().answer(row.effect, roles, context)) {
    CUresult failure = connection().failure();
    return failure ? failure : *known;
  }
  const Queued::Covered covered = queued().covered(row.effect, roles, context);
  uint64_t* new_handle = nullptr;
  for (const api::Role& role : roles)
    if (role.kind == api::Role::new_handle && role.pointer())
      *(new_handle = static_cast<uint64_t*>(role.pointer())) = new_number();
  bool waits = row.waits || connection().host_functions_pending();
  CUresult result = waits ? connection().call(row, roles) : connection().post(row, roles);
  if (result != CUDA_SUCCESS && new_handle) *new_handle = 0;
  queued().note(row.effect, roles, context, result, covered);
  return result;
}

}  // namespace client
