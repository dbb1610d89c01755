// The worker's end of its socket to the listener: asks for admission, obeys, and trades shared memory with other
// workers, which it cannot reach by itself.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/shared_memory.h"
#include "device/share.h"
#include "server/monitor.h"
#include "wire/hello.h"

namespace server {

struct Admission {
  device::Tenancy tenancy;
  uint64_t memory_bytes = 0;  // 0: no virtual GPU
  std::string vgpu;
  base::Fd service;  // what the client came for, when that is not the driver's calls
};

class Monitored {
 public:
  Monitored(base::Fd socket, device::Share* share) : socket_(std::move(socket)), share_(share) {}

  // Waits in the queue if the client wants to; `waiting` says its position, and false when the client has gone.
  base::Result<Admission> enter(const wire::Hello& hello, const std::function<bool(uint32_t)>& waiting, int client);
  // Trades memory with other workers by way of the listener.
  static const base::SharedMemoryExchange& exchange();
  // From now on a thread of its own listens. `hold` is repeated until it is true, or the share allows something again.
  void start(bool (*hold)(), std::function<void(const std::string&)> end);
  device::Share* share() const { return share_; }
  // Lets other workers open a descriptor by a name that only they know who were told.
  void publish(const uint8_t (&name)[16], int descriptor);
  base::Fd open_before_start(const uint8_t (&name)[16]);

 private:
  base::Status prove(const std::string& token, ToListener& asked);
  base::Result<Admission> wait_for_answer(const std::function<bool(uint32_t)>& waiting, int client);
  void listen();
  base::Fd open(const uint8_t (&name)[16]);

  base::Fd socket_;
  device::Share* const share_;
  bool service_ = false;  // the client came for one
  bool (*hold_)() = nullptr;
  std::function<void(const std::string&)> end_;
  std::mutex opening_, answer_lock_;
  std::condition_variable answered_;
  std::optional<base::Fd> answer_;
};

}  // namespace server
