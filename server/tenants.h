// All sessions of a server: who is admitted, what each may use, and what it has used.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "server/fair_share.h"
#include "server/services.h"
#include "server/state/state.h"
#include "server/tenant.h"
#include "server/wrong_tokens.h"

namespace server {

struct TenantOptions {
  size_t most_clients = 64;
  size_t most_waiting = 64;  // that queue, or have not greeted yet
  unsigned devices = 1;
  bool measured = false;        // the device says how long it worked for a session; else it is processor time
  bool token_required = false;  // wherever a client comes from
  std::span<const Service> services;
  bool programs = false;  // tokens that allow it may run programs from elsewhere (outboard serve --exec)
};

class Tenants {
 public:
  // `state` may be missing: then there are no tokens and no virtual GPUs.
  Tenants(const TenantOptions& options, std::optional<State> state, unsigned processors);

  // Not one more process than this.
  bool full() const { return tenants_.size() >= options_.most_clients + options_.most_waiting; }
  Tenant& add(std::unique_ptr<Tenant> tenant);
  const std::map<pid_t, std::unique_ptr<Tenant>>& all() const { return tenants_; }
  size_t serving() const;

  // The worker asked something. False: nothing more will come.
  bool answer(Tenant& tenant);
  void ended(pid_t worker, uint64_t processor_ns);

  // Ends the sessions of a token or of a virtual GPU; how many there were.
  size_t end_token(const std::string& id, const std::string& reason);
  size_t end_virtual_gpu(const std::string& name, const std::string& reason);
  void end(Tenant& tenant, const std::string& reason);

  // Shares the device, ends what is idle, writes down what was used. Milliseconds until it wants to be called again.
  int tick(uint64_t now_ns);
  // Since the server started, of sessions that have ended.
  const std::map<std::pair<std::string, std::string>, Usage>& past() const { return past_; }
  State* state() { return state_ ? &*state_ : nullptr; }

 private:
  struct VirtualGpuInUse {
    SharedPage<device::MemoryLedger> ledger;
    std::vector<bool> slots = std::vector<bool>(device::MemoryLedger::most_sessions);
  };
  struct Published {
    pid_t worker;
    base::Fd memory;
  };
  struct Opening {
    pid_t worker;
    std::string name;
    uint64_t until_ns;
  };

  void answer_salt(Tenant& tenant, const ToListener& asked);
  void answer_enter(Tenant& tenant, const ToListener& asked);
  void answer_memory(Tenant& tenant, const ToListener& asked, base::Fd memory);
  bool answer_openings(uint64_t now_ns);
  void refuse(Tenant& tenant, const std::string& reason);
  base::Status check_token(Tenant& tenant, const ToListener& asked);
  base::Status find_vgpu(Tenant& tenant, const ToListener& asked, const std::string& bound);
  std::string why_not_now(const Tenant& tenant) const;
  void settle(Tenant& tenant);  // serves it, queues it or refuses it
  bool let_in(Tenant& tenant);
  base::Status let_in_for_service(Tenant& tenant);
  base::Status allows_programs(const Tenant& tenant) const;
  void advance_queue();
  VirtualGpuInUse* use(const VirtualGpu& vgpu);

  uint64_t device_ns(const Tenant& tenant) const;
  void measure(std::span<Tenant* const> tenants) const;
  void allow(std::span<Tenant* const> tenants) const;
  bool share_devices(uint64_t now_ns);
  void end_idle(uint64_t now_ns);
  void record(Tenant& tenant, bool over);
  void write_usage();

  const TenantOptions options_;
  std::optional<State> state_;
  const unsigned processors_;
  std::map<pid_t, std::unique_ptr<Tenant>> tenants_;
  std::map<std::string, VirtualGpuInUse> in_use_;
  std::map<std::string, Published> published_;
  std::vector<Opening> openings_;
  struct Shared {  // of one device
    FairShare share;
    uint64_t decided_ns = 0;
    bool soon = false;
  };
  std::map<unsigned, Shared> shares_;
  // By token and virtual GPU: since the start, and what the state has yet to take.
  std::map<std::pair<std::string, std::string>, Usage> past_, owed_;
  WrongTokens wrong_tokens_;
  uint64_t turns_ = 0, chores_at_ns_ = 0;
  bool state_failed_ = false;
};

}  // namespace server
