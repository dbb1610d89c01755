// The functions behind internal.def's rows: what a worker does beside the driver's own functions. They are
// written against device::Driver alone, so they run alike in a worker and in the program's own process.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "api/cuda/abi.h"
#include "api/cuda/internal.h"
#include "device/device.h"
#include "device/leases.h"
#include "server/objects.h"

namespace worker {

// What the functions need of their surroundings. One per client, made before its first call.
class Session {
 public:
  virtual ~Session() = default;
  virtual const device::Driver& driver() = 0;
  // nullptr: nothing is checked.
  virtual const device::Checks* checks() = 0;
  // nullptr: the device lends nothing.
  virtual const device::Leases* leases() { return nullptr; }
  // Number to handle, thread-safe.
  virtual bool add(uint64_t number, const void* type, void* handle) = 0;
  virtual void remove(uint64_t number) = 0;
  // The client may name this device memory, wherever it lies; until it is withdrawn. Thread-safe.
  virtual void expose(uint64_t address, size_t size) = 0;
  virtual void withdraw(uint64_t address) = 0;
  // Bytes of an announced transfer, on their way to the client (obCopyToHostAsync). Thread-safe.
  virtual void send_data(uint64_t transfer, const void* bytes, size_t size) = 0;
  // A place that the client watches was reached. Thread-safe.
  virtual void send_reached(uint64_t, CUresult) {}
  // Runs the client's callback and returns when it is done.
  virtual void run_host_function(uint64_t callback) = 0;
  // Module images of earlier clients. Without a disk for them nothing is kept.
  virtual std::optional<std::string> kept_image(const ImageDigest&) { return std::nullopt; }
  virtual void keep_image(std::span<const std::byte>) {}
};
Session& session();

// From now on host memory that client and worker have at the same addresses is this memory, api::host_area_size bytes,
// which the client maps, too. Takes the descriptor over.
void share_host_area(int descriptor);

#define CALL(since, name, params, ...) CUresult name params;
#define POST(since, name, params, ...) CUresult name params;
#include "api/cuda/internal.def"

}  // namespace worker
