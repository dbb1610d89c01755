// One client of one worker process: reads its frames, runs its calls, answers.
//
// Frames run in the order they come. The thread that reads (the leader) runs one-way calls itself; before a call
// that waits it passes the lead to another thread, so that a long synchronise of one client thread does not hold up
// the others. Nothing else may overtake: a frame sent after that call, but before its reply, is by another thread.
#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "api/cuda/device_facts.h"
#include "device/share.h"
#include "link/link.h"
#include "server/call.h"
#include "server/cuda/worker.h"
#include "server/lease.h"
#include "server/module_store.h"
#include "server/objects.h"
#include "server/output.h"
#include "wire/message.h"
#include "wire/posts.h"

namespace server {

class ClientSession final : public worker::Session {
 public:
  ClientSession(links::Link link, const device::Driver& driver, const device::Checks* checks,
                const device::Leases* leases, Output& output);

  // Serves until the client leaves or breaks the protocol; ends the process then, because that frees everything.
  [[noreturn]] void run();
  // Where frames and bytes are counted.
  void count_in(device::Share* share) { traffic_ = share; }
  // Nothing is done after its end; nullptr: for ever.
  void obey(const Lease* lease) { lease_ = lease; }
  // Tells the client why, and ends.
  [[noreturn]] void dismiss(const std::string& reason);

  const device::Driver& driver() override { return driver_; }
  const device::Checks* checks() override { return checks_; }
  const device::Leases* leases() override { return leases_; }
  bool add(uint64_t number, const void* type, void* handle) override { return objects_.add(number, type, handle); }
  void remove(uint64_t number) override { objects_.remove(number); }
  void expose(uint64_t address, size_t size) override { objects_.expose(address, size); }
  void withdraw(uint64_t address) override { objects_.withdraw(address); }
  void send_data(uint64_t transfer, const void* bytes, size_t size) override;
  void send_reached(uint64_t watch, CUresult result) override;
  void run_host_function(uint64_t callback) override;
  std::optional<std::string> kept_image(const ImageDigest& digest) override { return modules_.read(digest); }
  void keep_image(std::span<const std::byte> image) override { modules_.write(image); }

 private:
  struct Frame {
    wire::FrameHead head;
    std::span<std::byte> payload;
    bool in_place;  // the payload lies in memory that the client shares
  };
  class Buffer;

  void follow();  // a thread's life
  void lead(Buffer& buffer);
  Frame read_frame(Buffer& buffer);
  void restore(Frame& frame, Buffer& buffer);
  void run_call(const Frame& frame, bool replies);
  void run_alone(const Frame& frame);
  void note_error(CUresult result);
  void reply(uint64_t number, std::span<std::byte> payload);
  CUresult enter_context(uint64_t number);
  void acquire_lead();
  void pass_lead();
  void forward_output();
  void send(wire::Kind kind, uint64_t number, std::span<iovec> pieces, size_t size);
  void send_bytes(wire::Kind kind, uint64_t number, const void* bytes, size_t size);
  void watch();  // the monitor's life: output, a vanished client, a lone call that takes long
  [[noreturn]] void end(const char* reason, bool broken);

  links::Link link_;
  links::Input input_;
  wire::Posts posts_;  // the leader's
  const device::Driver& driver_;
  const device::Checks* const checks_;
  const device::Leases* const leases_;
  Output& output_;
  const Lease* lease_ = nullptr;
  Objects objects_;
  ModuleStore modules_;
  device::Share own_traffic_, *traffic_ = &own_traffic_;
  std::atomic<int> pending_{0};  // first error of a one-way call, until a reply carries it

  std::mutex lead_lock_;
  std::condition_variable lead_free_;
  bool led_ = false;
  int followers_ = 0, threads_ = 0;
  std::atomic<uint64_t> alone_{0};  // odd while a lone call runs; the lead may be taken from it

  std::mutex send_lock_;
  std::mutex host_lock_;
  std::condition_variable host_done_;
  std::set<uint64_t> host_functions_;  // under way in the client
};

}  // namespace server
