// The session without a link: the device lives in this process, and a call is bound in place. Serves the same
// rows through the same handle numbers as a worker does, so that nothing above session.h knows the difference.
#include <atomic>
#include <mutex>
#include <new>
#include <unordered_map>
#include <unistd.h>
#include <cstring>

#include "api/opcode.h"
#include "base/log.h"
#include "client/cuda/checking.h"
#include "client/cuda/leases.h"
#include "client/session.h"
#include "device/device.h"
#include "server/call.h"
#include "server/cuda/inventory.h"
#include "server/cuda/worker.h"
#include "server/objects.h"

extern "C" const device::Driver* outboard_device(uint64_t memory_bytes);
extern "C" const device::Checks* outboard_checks();

namespace {

using api::Role;

struct HostFunction {
  void (*run)(void*) = nullptr;
  void* data = nullptr;
  bool lasting = false;
};
struct Transfer {
  void* to = nullptr;
  bool lasting = false;
};

class Direct final : public worker::Session {
 public:
  const device::Driver& driver() override { return *driver_; }
  const device::Checks* checks() override { return outboard_checks(); }
  bool add(uint64_t number, const void* type, void* handle) override {
    std::lock_guard hold(lock_);
    return objects_.add(number, type, handle);
  }
  void remove(uint64_t number) override {
    std::lock_guard hold(lock_);
    objects_.remove(number);
  }
  void expose(uint64_t, size_t) override {}  // nobody checks
  void withdraw(uint64_t) override {}
  void send_data(uint64_t transfer, const void* bytes, size_t size) override {
    void* to = take(transfers_, transfer).to;
    if (to) std::memcpy(to, bytes, size);
  }
  void run_host_function(uint64_t callback) override {
    HostFunction function = take(functions_, callback);
    if (function.run) function.run(function.data);
  }

  void* find(uint64_t number, const void* type) {
    std::lock_guard hold(lock_);
    return objects_.find(number, type);
  }
  uint64_t keep(Transfer transfer) { return put(transfers_, transfer); }
  uint64_t keep(HostFunction function) { return put(functions_, function); }
  void forget(uint64_t number) {
    std::lock_guard hold(lock_);
    transfers_.erase(number);
    functions_.erase(number);
  }

  CUresult start();
  const client::Inventory& inventory() const { return inventory_; }
  bool usable() const { return driver_ && process_ == getpid(); }

 private:
  template <class T>
  uint64_t put(std::unordered_map<uint64_t, T>& map, T value) {
    std::lock_guard hold(lock_);
    map[++numbers_] = value;
    return numbers_;
  }
  template <class T>
  T take(std::unordered_map<uint64_t, T>& map, uint64_t number) {
    std::lock_guard hold(lock_);
    auto found = map.find(number);
    if (found == map.end()) return T{};
    T value = found->second;
    if (!value.lasting) map.erase(found);
    return value;
  }

  const device::Driver* driver_ = nullptr;
  pid_t process_ = 0;
  client::Inventory inventory_;
  std::mutex lock_;
  server::Objects objects_;
  std::unordered_map<uint64_t, Transfer> transfers_;
  std::unordered_map<uint64_t, HostFunction> functions_;
  uint64_t numbers_ = 0;
};

Direct& direct() {
  static Direct* made = new Direct;  // never destroyed: programs call the driver while they exit
  return *made;
}

CUresult Direct::start() {
  driver_ = outboard_device(0);
  if (!driver_) return CUDA_ERROR_NO_DEVICE;
  process_ = getpid();
  return worker::take_inventory(*driver_, inventory_);
}

// --- rows

using Run = CUresult (*)(const Role* roles);

#define RUN(name, function)                                               \
  CUresult run_##name(const Role* roles) {                                \
    return [&]<class... P>(CUresult (*run)(P...)) {                       \
      return server::invoke(run, roles, std::index_sequence_for<P...>{}); \
    }(function);                                                          \
  }
#define CALL(since, name, params, ...) RUN(name, direct().driver().name)
#define POST(since, name, params, ...) RUN(name, direct().driver().name)
#define HAND_CALL(since, name, params, ...) RUN(name, direct().driver().name)
#define HAND_POST(since, name, params, ...) RUN(name, direct().driver().name)
#include "api/cuda/cuda.def"
#define CALL(since, name, params, ...) RUN(name, worker::name)
#define POST(since, name, params, ...) RUN(name, worker::name)
#include "api/cuda/internal.def"

Run find_run(uint32_t opcode) {
  static const auto* table = [] {
    auto* map = new std::unordered_map<uint32_t, Run>;
#define CALL(since, name, params, ...) map->emplace(api::opcode(#name), run_##name);
#define POST(since, name, params, ...) map->emplace(api::opcode(#name), run_##name);
#define HAND_CALL(since, name, params, ...) map->emplace(api::opcode(#name), run_##name);
#define HAND_POST(since, name, params, ...) map->emplace(api::opcode(#name), run_##name);
#include "api/cuda/cuda.def"
#define CALL(since, name, params, ...) map->emplace(api::opcode(#name), run_##name);
#define POST(since, name, params, ...) map->emplace(api::opcode(#name), run_##name);
#include "api/cuda/internal.def"
    return map;
  }();
  return table->at(opcode);
}

CUresult enter_context(uint64_t number) {
  thread_local uint64_t entered = 0;
  if (number == entered) return CUDA_SUCCESS;
  void* context = number ? direct().find(number, &api::type_of<CUcontext>) : nullptr;
  if (number && !context) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  CUresult result = direct().driver().cuCtxSetCurrent(static_cast<CUcontext>(context));
  if (result == CUDA_SUCCESS) entered = number;
  return result;
}

}  // namespace

worker::Session& worker::session() { return direct(); }

namespace client {

CUresult connect() {
  static const CUresult result = [] {
    CUresult started = direct().start();
    if (started == CUDA_SUCCESS) start_checking();
    return started;
  }();
  return result;
}

const Inventory& inventory() { return direct().inventory(); }
bool usable() { return direct().usable(); }
bool in_process() { return true; }
uint64_t last_work(CUstream) { return 0; }
bool work_is_done(uint64_t, CUstream stream) {
  CUresult result = remote::cuStreamQuery(stream);
  if (result == CUDA_ERROR_INVALID_HANDLE) result = remote::cuCtxSynchronize();  // it was destroyed before it was done
  return result == CUDA_SUCCESS;
}
int shared_host_area() { return -1; }
void flush() {}
void expect_sending() {}
void forget_context(uint64_t) {}
CUresult context_failure() { return CUDA_SUCCESS; }
bool name_image(std::span<const std::byte>, ImageDigest&) { return false; }

uint64_t expect_transfer(void* destination, size_t) { return direct().keep(Transfer{destination}); }
uint64_t register_host_function(void (*run)(void*), void* data) { return direct().keep(HostFunction{run, data}); }
uint64_t lasting_transfer(void* destination, size_t) { return direct().keep(Transfer{destination, true}); }
uint64_t lasting_host_function(void (*run)(void*), void* data) { return direct().keep(HostFunction{run, data, true}); }
void forget_lasting(uint64_t number) { direct().forget(number); }

CUresult forward(const Row& row, std::span<const Role> roles) {
  if (CUresult result = enter_context(current_context())) return result;
  uint64_t gone = 0, made = 0;
  const Role* new_handle = nullptr;
  for (const Role& role : roles) {
    if (role.kind == Role::new_handle && role.pointer()) {
      new_handle = &role;
      made = new_number();
    }
    if ((role.kind != Role::handle && role.kind != Role::gone) || !role.pointer()) continue;
    auto number = reinterpret_cast<uint64_t>(role.pointer());
    if (role.kind == Role::gone) gone = number;
    role.pointer() = direct().find(number, role.type);
    if (!role.pointer()) return CUDA_ERROR_INVALID_HANDLE;
  }
  CUresult result = find_run(row.opcode)(roles.data());
  if (result == CUDA_ERROR_OUT_OF_MEMORY && settle_leases()) result = find_run(row.opcode)(roles.data());
  if (new_handle) {
    void* handle = *static_cast<void**>(new_handle->pointer());
    if (result == CUDA_SUCCESS) direct().add(made, new_handle->type, handle);
    *static_cast<uint64_t*>(new_handle->pointer()) = result == CUDA_SUCCESS ? made : 0;
  }
  if (gone && result == CUDA_SUCCESS) direct().remove(gone);
  return result;
}

}  // namespace client
