// Tenants' first half: tokens, virtual GPUs, the queue.
#include <algorithm>
#include <ctime>

#include "base/log.h"
#include "server/clocks.h"
#include "server/state/secret.h"
#include "server/tenants.h"

namespace server {
namespace {

uint64_t now_seconds() { return now_ns() / 1'000'000'000; }

constexpr const char* not_valid =
    "the token is not valid: unknown, revoked or expired; ask for a new join line (outboard token create)";

}  // namespace

void Tenants::refuse(Tenant& tenant, const std::string& reason) {
  base::log(base::Level::warn, "client-refused",
            {{"worker", std::to_string(tenant.worker)}, {"peer", tenant.peer.address}, {"reason", reason}});
  tenant.stage = Tenant::Stage::leaving;
  tenant.ends_by_ns = now_ns() + 10'000'000'000;
  ToWorker reply{};
  reply.answer = Answer::refused;
  put(reply.text, reason);
  send(tenant.monitor.get(), reply, -1, false);
}

void Tenants::answer_salt(Tenant& tenant, const ToListener& asked) {
  if (uint64_t seconds = wrong_tokens_.wait(tenant.peer.address, now_seconds()))
    return refuse(tenant, "too many wrong tokens came from " + tenant.peer.address + "; try again in " +
                              std::to_string(seconds) + " seconds");
  std::string id = get(asked.token);
  ToWorker reply{};
  reply.answer = Answer::salt;
  Salt salt = decoy_salt(id);
  if (state_)
    if (auto token = state_->find_token(id); token && token.value()) salt = token.value()->salt;
  std::copy(salt.begin(), salt.end(), reply.salt);
  send(tenant.monitor.get(), reply, -1, false);
}

// The virtual GPU that the token is for lands in `tenant.vgpu.name`.
base::Status Tenants::check_token(Tenant& tenant, const ToListener& asked) {
  const std::string id = get(asked.token);
  if (id.empty()) {
    if (options_.token_required || tenant.peer.way == Peer::Way::network)
      return base::Error{
          "this server wants a token; ask for a join line (outboard token create) and take it in with "
          "outboard join"};
    return base::Done{};
  }
  if (!state_) return base::Error{"this server has no tokens: it could not open its state; its log says why"};
  if (uint64_t seconds = wrong_tokens_.wait(tenant.peer.address, now_seconds()))
    return base::Error{"too many wrong tokens; try again in " + std::to_string(seconds) + " seconds"};
  auto found = state_->find_token(id);
  if (!found) return base::Error{"the server cannot read its tokens; its log says why"};
  Proof proof;
  std::copy(std::begin(asked.proof), std::end(asked.proof), proof.begin());
  const Token token = found.value().value_or(Token{});
  bool good = fits(token, proof) && found.value() && !token.revoked;
  good = good && (token.expires == 0 || std::time(nullptr) < token.expires);
  if (!good) {
    wrong_tokens_.note(tenant.peer.address, now_seconds());
    return base::Error{not_valid};
  }
  wrong_tokens_.clear(tenant.peer.address);
  tenant.token = id;
  tenant.may_run_programs = token.programs;
  return find_vgpu(tenant, asked, token.vgpu);
}

base::Status Tenants::find_vgpu(Tenant& tenant, const ToListener& asked, const std::string& bound) {
  std::string wanted = get(asked.vgpu);
  if (!bound.empty() && !wanted.empty() && wanted != bound)
    return base::Error{"the token is for the virtual GPU '" + bound + "' and no other"};
  if (wanted.empty()) wanted = bound;
  if (wanted.empty()) return base::Done{};
  if (!state_) return base::Error{"this server has no virtual GPUs: it could not open its state; its log says why"};
  auto found = state_->find_virtual_gpu(wanted);
  if (!found) return base::Error{"the server cannot read its virtual GPUs; its log says why"};
  if (!found.value() || !is_name(wanted))
    return base::Error{"this server has no virtual GPU of that name; outboard vgpu list shows them there"};
  if (found.value()->gpu >= options_.devices)
    return base::Error{"the virtual GPU '" + wanted + "' is on GPU " + std::to_string(found.value()->gpu) +
                       ", which this server does not have; it has " + std::to_string(options_.devices)};
  tenant.vgpu = *found.value();
  return base::Done{};
}

void Tenants::answer_enter(Tenant& tenant, const ToListener& asked) {
  if (tenant.stage != Tenant::Stage::greeting) return;
  tenant.program = get(asked.program);
  tenant.wish = asked;
  base::Status known = check_token(tenant, asked);
  if (known && tenant.token.empty()) known = find_vgpu(tenant, asked, {});
  if (known && !get(asked.purpose).empty()) known = let_in_for_service(tenant);
  if (!known) return refuse(tenant, known.error());
  if (get(asked.purpose).empty()) settle(tenant);
}

// By its own socket the server's user runs what he likes anyway. Others need the server's word and a token's.
base::Status Tenants::allows_programs(const Tenant& tenant) const {
  if (tenant.peer.way == Peer::Way::unix_socket) return base::Done{};
  if (!options_.programs)
    return base::Error{
        "this server runs programs for its own user only; start it with outboard serve --exec, or come by ssh: "
        "--on ssh://HOST"};
  if (!tenant.may_run_programs)
    return base::Error{
        "this token is for GPU calls and not for running programs; ask for one of outboard token create --exec"};
  return base::Done{};
}

// A service counts as no session, because it uses the device only by programs that come as clients of their own.
base::Status Tenants::let_in_for_service(Tenant& tenant) {
  const Service* service = TRY(find_service(options_.services, get(tenant.wish.purpose)));
  if (service->runs_programs) TRY(allows_programs(tenant));
  base::Fd stream = TRY(start_service(*service, {tenant.program, tenant.token, tenant.vgpu.name, tenant.peer.address}));
  ToWorker reply{};
  reply.answer = Answer::entered;
  put(reply.vgpu, tenant.vgpu.name);
  tenant.stage = Tenant::Stage::serving;
  tenant.last_active_ns = now_ns();
  send(tenant.monitor.get(), reply, stream.get(), false);
  return base::Done{};
}

// Empty: it may come in.
std::string Tenants::why_not_now(const Tenant& tenant) const {
  if (size_t count = serving(); count >= options_.most_clients)
    return "the server is full: it serves " + std::to_string(count) + " clients";
  if (!tenant.vgpu.sessions) return {};
  size_t same = 0;
  for (const auto& [worker, other] : tenants_) same += other->counts && other->vgpu.name == tenant.vgpu.name;
  if (same < tenant.vgpu.sessions) return {};
  return "the virtual GPU '" + tenant.vgpu.name + "' is full: it has " + std::to_string(same) + " of " +
         std::to_string(tenant.vgpu.sessions) + " sessions";
}

void Tenants::settle(Tenant& tenant) {
  const std::string reason = why_not_now(tenant);
  if (reason.empty()) {
    if (!let_in(tenant)) refuse(tenant, "the server has no memory for another session; try again later");
    return;
  }
  if (!tenant.wish.waits) return refuse(tenant, reason + "; try again later, or wait with outboard run --queue");
  tenant.stage = Tenant::Stage::queued;
  tenant.queued = ++turns_;
  base::log(base::Level::info, "client-queued",
            {{"worker", std::to_string(tenant.worker)}, {"vgpu", tenant.vgpu.name}, {"reason", reason}});
  advance_queue();
}

Tenants::VirtualGpuInUse* Tenants::use(const VirtualGpu& vgpu) {
  VirtualGpuInUse& used = in_use_[vgpu.name];
  if (!used.ledger && !used.ledger.create()) return nullptr;
  used.ledger->limit = vgpu.memory;
  return &used;
}

bool Tenants::let_in(Tenant& tenant) {
  ToWorker reply{};
  reply.answer = Answer::entered;
  int ledger = -1;
  if (!tenant.vgpu.name.empty() && !tenant.wish.asks_only) {
    VirtualGpuInUse* used = use(tenant.vgpu);
    if (!used) return false;
    auto free = std::find(used->slots.begin(), used->slots.end(), false);
    if (free == used->slots.end()) return false;
    tenant.slot = reply.slot = static_cast<uint32_t>(free - used->slots.begin());
    *free = true;
    ledger = used->ledger.file();
  }
  reply.memory_bytes = tenant.vgpu.name.empty() ? 0 : tenant.vgpu.memory;
  put(reply.vgpu, tenant.vgpu.name);
  tenant.counts = !tenant.wish.asks_only;
  tenant.stage = Tenant::Stage::serving;
  tenant.last_active_ns = now_ns();
  return send(tenant.monitor.get(), reply, ledger, false);
}

// In the order they came; one that waits for its own virtual GPU does not hold up the others.
void Tenants::advance_queue() {
  std::vector<Tenant*> waiting;
  for (auto& [worker, tenant] : tenants_)
    if (tenant->stage == Tenant::Stage::queued) waiting.push_back(tenant.get());
  std::ranges::sort(waiting, {}, &Tenant::queued);
  std::map<std::string, uint32_t> positions;
  for (Tenant* tenant : waiting) {
    if (why_not_now(*tenant).empty()) {
      if (!let_in(*tenant)) refuse(*tenant, "the server has no memory for another session; try again later");
      continue;
    }
    uint32_t position = ++positions[tenant->vgpu.sessions ? tenant->vgpu.name : ""];
    if (position == tenant->told_position) continue;
    tenant->told_position = position;
    ToWorker reply{};
    reply.answer = Answer::queued;
    reply.position = position;
    send(tenant->monitor.get(), reply, -1, false);
  }
}

}  // namespace server
