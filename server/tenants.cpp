// Sessions from their first question to their end.
#include "server/tenants.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <tuple>

#include "base/log.h"
#include "server/clocks.h"

namespace server {
namespace {

constexpr uint64_t second = 1'000'000'000;
constexpr uint64_t patience = 2 * second;  // of a worker that is told to end
constexpr size_t most_published = 1024;
constexpr uint64_t publishing_takes = second / 20;  // at most
constexpr uint64_t chores_every = second;
constexpr int moment_ms = 3, look_ms = 20;
// A GPU is handed over when it has no more work of the one before: looked at often, decided seldom.
constexpr uint64_t turn = 6'000'000;
constexpr int handover_ms = 1;

}  // namespace

Tenants::Tenants(const TenantOptions& options, std::optional<State> state, unsigned processors)
    : options_(options), state_(std::move(state)), processors_(processors) {}

Tenant& Tenants::add(std::unique_ptr<Tenant> tenant) {
  tenant->began_ns = tenant->last_active_ns = now_ns();
  return *(tenants_[tenant->worker] = std::move(tenant));
}

size_t Tenants::serving() const {
  size_t count = 0;
  for (const auto& [worker, tenant] : tenants_) count += tenant->counts;
  return count;
}

bool Tenants::answer(Tenant& tenant) {
  ToListener asked;
  base::Fd descriptor;
  if (!receive(tenant.monitor.get(), asked, &descriptor, false)) return errno == EAGAIN;
  switch (asked.question) {
    case Question::salt: answer_salt(tenant, asked); return true;
    case Question::enter: answer_enter(tenant, asked); return true;
    case Question::publish:
    case Question::open: answer_memory(tenant, asked, std::move(descriptor)); return true;
  }
  return false;
}

// Memory that one worker's program exports and another's imports: its name is 16 random bytes, and who knows it may.
void Tenants::answer_memory(Tenant& tenant, const ToListener& asked, base::Fd memory) {
  // A client that comes back to its session opens that one's door before it has said hello (returning.h).
  const bool early = tenant.stage == Tenant::Stage::greeting && asked.question == Question::open;
  if (tenant.stage != Tenant::Stage::serving && !early) return;
  std::string name(reinterpret_cast<const char*>(asked.memory), sizeof asked.memory);
  if (asked.question == Question::publish) {
    if (memory.valid() && published_.size() < most_published && !published_.contains(name))
      published_[name] = {tenant.worker, std::move(memory)};
    return;
  }
  // Workers ask one at a time; one that does not is its client's, and need not be answered.
  std::erase_if(openings_, [&](const Opening& opening) { return opening.worker == tenant.worker; });
  openings_.push_back({tenant.worker, name, now_ns() + publishing_takes});
}

// Who was told a name may ask for it before the word of who publishes it has come: that is another socket.
// True: some are waited for.
bool Tenants::answer_openings(uint64_t now) {
  std::erase_if(openings_, [&](const Opening& opening) {
    const auto asking = tenants_.find(opening.worker);
    const auto found = published_.find(opening.name);
    if (asking == tenants_.end()) return true;
    if (found == published_.end() && now < opening.until_ns) return false;
    ToWorker reply{};
    reply.answer = Answer::memory;
    send(asking->second->monitor.get(), reply, found == published_.end() ? -1 : found->second.memory.get(), false);
    return true;
  });
  return !openings_.empty();
}

void Tenants::ended(pid_t worker, uint64_t processor_ns) {
  auto found = tenants_.find(worker);
  if (found == tenants_.end()) return;
  Tenant& tenant = *found->second;
  tenant.device_ns = std::max(tenant.device_ns, options_.measured ? tenant.share->device_ns.load() : processor_ns);
  if (tenant.counts) record(tenant, true);
  write_usage();
  if (auto used = in_use_.find(tenant.vgpu.name); tenant.counts && used != in_use_.end()) {
    used->second.slots[tenant.slot] = false;
    used->second.ledger->used[tenant.slot] = used->second.ledger->lent[tenant.slot] = 0;
    bool any = false;
    for (bool taken : used->second.slots) any = any || taken;
    if (!any) in_use_.erase(used);
  }
  std::erase_if(published_, [&](const auto& each) { return each.second.worker == worker; });
  tenants_.erase(found);
  advance_queue();
}

// --- ending

void Tenants::end(Tenant& tenant, const std::string& reason) {
  if (tenant.stage == Tenant::Stage::leaving) return;
  tenant.stage = Tenant::Stage::leaving;
  tenant.ends_by_ns = now_ns() + patience;
  base::log(base::Level::info, "session-ended", {{"worker", std::to_string(tenant.worker)}, {"reason", reason}});
  ToWorker message{};
  message.answer = Answer::end;
  put(message.text, reason);
  tenant.share->allowed = FairShare::everything;
  send(tenant.monitor.get(), message, -1, false);
}

size_t Tenants::end_token(const std::string& id, const std::string& reason) {
  size_t count = 0;
  for (auto& [worker, tenant] : tenants_)
    if (!id.empty() && tenant->token == id) end(*tenant, reason), ++count;
  return count;
}

size_t Tenants::end_virtual_gpu(const std::string& name, const std::string& reason) {
  size_t count = 0;
  for (auto& [worker, tenant] : tenants_)
    if (!name.empty() && tenant->vgpu.name == name) end(*tenant, reason), ++count;
  return count;
}

void Tenants::end_idle(uint64_t now) {
  for (auto& [worker, tenant] : tenants_) {
    if (tenant->stage == Tenant::Stage::leaving && now > tenant->ends_by_ns) kill(worker, SIGKILL);
    if (tenant->stage != Tenant::Stage::serving) continue;
    uint64_t frames = tenant->share->frames.load();
    bool works = tenant->share->running.load() + tenant->share->held.load() > 0;
    if (works || frames != tenant->last_frames) {
      tenant->last_frames = frames;
      tenant->last_active_ns = now;
    }
    uint64_t most = tenant->vgpu.idle_seconds * second;
    if (most && now - tenant->last_active_ns > most)
      end(*tenant, "it did nothing for " + std::to_string(tenant->vgpu.idle_seconds) +
                       " seconds, which is all that the virtual GPU '" + tenant->vgpu.name + "' allows");
  }
}

// --- sharing

uint64_t Tenants::device_ns(const Tenant& tenant) const {
  return std::max(tenant.device_ns, options_.measured ? tenant.share->device_ns.load() : processor_ns(tenant.worker));
}

void Tenants::measure(std::span<Tenant* const> tenants) const {
  std::map<std::string, double> sessions;  // of each virtual GPU, that have work: they share its weight
  for (Tenant* tenant : tenants)
    if (tenant->member.active && !tenant->vgpu.name.empty()) ++sessions[tenant->vgpu.name];
  for (Tenant* tenant : tenants) {
    FairShare::Member& member = tenant->member;
    tenant->device_ns = device_ns(*tenant);
    member.weight = tenant->vgpu.percent / std::max(1.0, sessions[tenant->vgpu.name]);
    member.device_ns = tenant->device_ns;
    if (!options_.measured) member.kernels_ns = tenant->share->device_ns.load();
    const bool asks = tenants.size() > 1 && member.active && !options_.measured;
    member.waited_ns = asks ? waited_ns(tenant->worker) : member.waited_ns;
    member.launches = tenant->share->launches.load();
    member.running = std::min(tenant->share->running.load(), 1024u);
    member.held = std::min(tenant->share->held.load(), 1024u);
  }
}

// A GPU that works for one session cannot be told to work for another: that one waits until it is done.
void Tenants::allow(std::span<Tenant* const> tenants) const {
  const bool busy = options_.measured && std::ranges::any_of(tenants, [](const Tenant* tenant) {
                      return tenant->member.allowed == 0 && tenant->share->running.load() > 0;
                    });
  for (Tenant* tenant : tenants) {
    const uint32_t before = tenant->share->allowed.load(), allowed = busy && before == 0 ? 0 : tenant->member.allowed;
    tenant->share->allowed = allowed;
    if (allowed > before) syscall(SYS_futex, &tenant->share->allowed, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    if (allowed != 0 || before == 0) continue;
    ToWorker message{};
    message.answer = Answer::hold;
    send(tenant->monitor.get(), message, -1, false);
  }
}

bool Tenants::share_devices(uint64_t now) {
  std::map<unsigned, std::vector<Tenant*>> by_device;
  for (auto& [worker, tenant] : tenants_)
    if (tenant->stage == Tenant::Stage::serving && tenant->counts) by_device[tenant->vgpu.gpu].push_back(tenant.get());
  bool soon = false;
  for (auto& [device, tenants] : by_device) {
    auto& [share, decided, shared] =
        shares_.try_emplace(device, Shared{FairShare(options_.measured ? 1 : processors_)}).first->second;
    if (!options_.measured || now - decided >= turn) {
      decided = now;
      measure(tenants);
      std::vector<FairShare::Member*> members;
      for (Tenant* tenant : tenants) members.push_back(&tenant->member);
      shared = share.decide(members, now);
    }
    allow(tenants);
    soon |= shared;
  }
  return soon;
}

int Tenants::tick(uint64_t now) {
  size_t sessions = serving();
  bool soon = sessions > 1 && share_devices(now);
  if (sessions == 1)  // its neighbour may have left while it was held
    for (auto& [worker, tenant] : tenants_)
      if (tenant->counts && tenant->share->allowed.exchange(FairShare::everything) != FairShare::everything)
        syscall(SYS_futex, &tenant->share->allowed, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  if (now >= chores_at_ns_) {
    chores_at_ns_ = now + chores_every;
    end_idle(now);
    for (auto& [worker, tenant] : tenants_)
      if (tenant->counts) record(*tenant, false);
    write_usage();
  }
  soon |= answer_openings(now);
  if (tenants_.empty() && owed_.empty()) return -1;
  if (soon) return options_.measured ? handover_ms : moment_ms;
  return sessions > 1 ? look_ms : static_cast<int>(chores_every / 1'000'000);
}

// --- accounts

// What came since the last time, so that a server that is killed loses a second of accounts and no more.
void Tenants::record(Tenant& tenant, bool over) {
  if (!over) tenant.device_ns = device_ns(tenant);
  Usage now{tenant.token,
            tenant.vgpu.name,
            1,
            tenant.device_ns,
            tenant.share->bytes_in.load(),
            tenant.share->bytes_out.load()};
  const std::pair<std::string, std::string> who{tenant.token, tenant.vgpu.name};
  if (over) past_[who] += now;
  const Usage more = now.since(tenant.recorded);
  tenant.recorded = now;
  if (state_ && !more.nothing() && !(tenant.token.empty() && tenant.vgpu.name.empty())) owed_[who] += more;
}

// What cannot be written now (a full disk) is owed until it can.
void Tenants::write_usage() {
  for (auto owed = owed_.begin(); owed != owed_.end();) {
    std::tie(owed->second.token, owed->second.vgpu) = owed->first;
    base::Status done = state_->add(owed->second);
    if (!done && !state_failed_) base::log(base::Level::error, "usage-not-recorded", {{"reason", done.error()}});
    state_failed_ = !done.ok();
    if (!done) return;
    owed = owed_.erase(owed);
  }
}

}  // namespace server
