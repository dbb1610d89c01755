#include "cli/vgpu.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/serve.h"
#include "server/state/state.h"

namespace cli {
namespace {

struct Wanted {
  server::VirtualGpu vgpu;
  std::string memory, compute, idle, name;
};

int create(const Wanted& wanted) {
  server::VirtualGpu vgpu = wanted.vgpu;
  if (!server::is_name(vgpu.name)) return fail("'" + vgpu.name + "' cannot be a name; use letters, digits, . _ -");
  if (!parse_bytes(wanted.memory, vgpu.memory) || vgpu.memory < (16 << 20))
    return fail("--memory '" + wanted.memory + "' is no size from 16MiB up; write for example 8GiB");
  char* end = nullptr;
  unsigned long percent = std::strtoul(wanted.compute.c_str(), &end, 10);
  if (percent < 1 || percent > 100 || (*end && std::string(end) != "%"))
    return fail("--compute '" + wanted.compute + "' is no percentage from 1 to 100");
  vgpu.percent = static_cast<unsigned>(percent);
  if (!wanted.idle.empty() && !parse_duration(wanted.idle, vgpu.idle_seconds))
    return fail("--idle-timeout '" + wanted.idle + "' is no time; write for example 15m");
  auto state = server::State::open();
  if (!state) return fail(state.error());
  base::Status added = state.value().add(vgpu);
  return added ? 0 : fail(added.error());
}

int list() {
  auto state = server::State::open();
  if (!state) return fail(state.error());
  auto all = state.value().virtual_gpus();
  if (!all) return fail(all.error());
  std::printf("%-20s %4s %10s %8s %9s %s\n", "NAME", "GPU", "MEMORY", "COMPUTE", "SESSIONS", "IDLE TIME-OUT");
  for (const server::VirtualGpu& vgpu : all.value())
    std::printf("%-20s %4u %10s %7u%% %9s %s\n", vgpu.name.c_str(), vgpu.gpu, size_text(vgpu.memory).c_str(),
                vgpu.percent, vgpu.sessions ? std::to_string(vgpu.sessions).c_str() : "any",
                vgpu.idle_seconds ? duration_text(vgpu.idle_seconds).c_str() : "none");
  return 0;
}

void show_sessions(const std::string& name) {
  size_t count = 0;
  uint64_t memory = 0;
  for (const std::string& answer : ask_servers("GET", "/sessions"))
    for (const auto& session : nlohmann::json::parse(answer, nullptr, false)) {
      if (session.value("vgpu", "") != name) continue;
      ++count;
      memory += session.value("memory", uint64_t{0});
    }
  std::printf("now: %zu sessions, %s of memory in use\n", count, size_text(memory).c_str());
}

int show(const std::string& name) {
  auto state = server::State::open();
  if (!state) return fail(state.error());
  auto found = state.value().find_virtual_gpu(name);
  if (!found) return fail(found.error());
  if (!found.value()) return fail("there is no virtual GPU '" + name + "'; outboard vgpu list shows them");
  const server::VirtualGpu& vgpu = *found.value();
  std::printf("%s: GPU %u, %s of memory, %u%% of its time, %s sessions, idle time-out %s\n", vgpu.name.c_str(),
              vgpu.gpu, size_text(vgpu.memory).c_str(), vgpu.percent,
              vgpu.sessions ? std::to_string(vgpu.sessions).c_str() : "any number of",
              vgpu.idle_seconds ? duration_text(vgpu.idle_seconds).c_str() : "none");
  show_sessions(name);
  auto usage = state.value().usage();
  if (!usage) return fail(usage.error());
  for (const server::Usage& used : usage.value())
    if (used.vgpu == name)
      std::printf("so far%s%s: %llu sessions, %.1f device seconds, %s received, %s sent\n",
                  used.token.empty() ? "" : " with token ", used.token.c_str(),
                  static_cast<unsigned long long>(used.sessions), static_cast<double>(used.device_ns) / 1e9,
                  size_text(used.bytes_in).c_str(), size_text(used.bytes_out).c_str());
  return 0;
}

int remove(const std::string& name) {
  auto state = server::State::open();
  if (!state) return fail(state.error());
  base::Status removed = state.value().remove_virtual_gpu(name);
  if (!removed) return fail(removed.error());
  ask_servers("POST", "/deleted/" + name);
  return 0;
}

}  // namespace

void add_vgpu(CLI::App& app, Commands& commands) {
  auto* vgpu = app.add_subcommand("vgpu", "Virtual GPUs: shares of this machine's GPUs with quotas");
  vgpu->require_subcommand(1);
  auto wanted = std::make_shared<Wanted>();
  auto* make = vgpu->add_subcommand("create", "outboard vgpu create NAME --gpu N --memory SIZE --compute PERCENT");
  make->add_option("name", wanted->vgpu.name, "Its name")->required();
  make->add_option("--gpu", wanted->vgpu.gpu, "Which of the server's GPUs, from 0")->check(CLI::Range(0, 63));
  make->add_option("--memory", wanted->memory, "Device memory of all its sessions together, for example 8GiB")
      ->required();
  make->add_option("--compute", wanted->compute, "Percent of the device's time when others want it, too")->required();
  make->add_option("--sessions", wanted->vgpu.sessions, "Sessions at once (default: as many as the server takes)");
  make->add_option("--idle-timeout", wanted->idle, "Ends sessions that do nothing for so long, for example 15m");
  auto* all = vgpu->add_subcommand("list", "All virtual GPUs");
  auto* one = vgpu->add_subcommand("show", "One virtual GPU: its quotas, its sessions, what was used");
  auto* gone = vgpu->add_subcommand("delete", "Delete a virtual GPU: its sessions end, its tokens are revoked");
  for (CLI::App* named : {one, gone}) named->add_option("name", wanted->name, "Its name")->required();
  commands.emplace_back(make, [wanted] { return create(*wanted); });
  commands.emplace_back(all, list);
  commands.emplace_back(one, [wanted] { return show(wanted->name); });
  commands.emplace_back(gone, [wanted] { return remove(wanted->name); });
}

}  // namespace cli
