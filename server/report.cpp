// Names after NVIDIA's DCGM exporter where there is one for the thing (DCGM_FI_DEV_GPU_UTIL, DCGM_FI_DEV_FB_USED, ...),
// so that dashboards made for it show these devices; ours begin with outboard_.
#include "server/report.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "server/clocks.h"
#include "server/state/state.h"

namespace server {
namespace {

using Json = nlohmann::json;

const char* name_of(Tenant::Stage stage) {
  switch (stage) {
    case Tenant::Stage::greeting: return "greeting";
    case Tenant::Stage::queued: return "queued";
    case Tenant::Stage::serving: return "serving";
    case Tenant::Stage::leaving: return "leaving";
  }
  return "";
}

Json json_of(const Tenant& tenant, uint64_t now) {
  return {{"worker", tenant.worker},
          {"peer", tenant.peer.address},
          {"stage", name_of(tenant.stage)},
          {"position", tenant.told_position},
          {"program", tenant.program},
          {"token", tenant.token},
          {"vgpu", tenant.vgpu.name},
          {"gpu", tenant.vgpu.gpu},
          {"percent", tenant.vgpu.percent},
          {"memory", tenant.share->memory.load()},
          {"memory_limit", tenant.vgpu.memory},
          {"device_ns", std::max(tenant.device_ns, processor_ns(tenant.worker))},
          {"age_ns", now - tenant.began_ns},
          {"now_ns", now},
          {"launches", tenant.share->launches.load()},
          {"running", tenant.share->running.load()},
          {"held", tenant.share->held.load()},
          {"bytes_in", tenant.share->bytes_in.load()},
          {"bytes_out", tenant.share->bytes_out.load()}};
}

// A label's value (Prometheus, "Text-based format").
std::string quoted(const std::string& text) {
  std::string made = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    if (c == '\n')
      made += "\\n";
    else
      made += c;
  }
  return made + "\"";
}

class Metrics {
 public:
  void head(const char* name, const char* type, const char* help) {
    text_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
    name_ = name;
  }
  void value(const std::string& labels, double value) {
    char number[64];
    std::snprintf(number, sizeof number, "%.17g", value);
    text_ += name_ + (labels.empty() ? "" : "{" + labels + "}") + " " + number + "\n";
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_, name_;
};

std::string labels_of(const std::string& token, const std::string& vgpu) {
  return "token=" + quoted(token) + ",vgpu=" + quoted(vgpu);
}

using Sums = std::map<std::pair<std::string, std::string>, Usage>;

Sums sums_of(const Tenants& tenants) {
  Sums sums = tenants.past();
  for (const auto& [worker, tenant] : tenants.all()) {
    if (!tenant->counts) continue;
    Usage& sum = sums[{tenant->token, tenant->vgpu.name}];
    sum.sessions += 1;
    sum.device_ns += std::max(tenant->device_ns, processor_ns(worker));
    sum.bytes_in += tenant->share->bytes_in.load();
    sum.bytes_out += tenant->share->bytes_out.load();
  }
  return sums;
}

void add_devices(Metrics& metrics, const Tenants& tenants, const ListenerOptions& options) {
  std::vector<double> used(options.tenants.devices), running(options.tenants.devices);
  for (const auto& [worker, tenant] : tenants.all()) {
    if (!tenant->counts || tenant->vgpu.gpu >= used.size()) continue;
    used[tenant->vgpu.gpu] += static_cast<double>(tenant->share->memory.load());
    running[tenant->vgpu.gpu] += tenant->share->running.load() ? 1 : 0;
  }
  auto each = [&](const auto& value) {
    for (size_t i = 0; i < used.size(); ++i)
      metrics.value("gpu=\"" + std::to_string(i) + "\",device=" + quoted(options.worker.device), value(i));
  };
  metrics.head("DCGM_FI_DEV_GPU_UTIL", "gauge", "Whether kernels run just now (in %).");
  each([&](size_t i) { return running[i] > 0 ? 100.0 : 0.0; });
  metrics.head("DCGM_FI_DEV_FB_USED", "gauge", "Device memory used (in MiB).");
  each([&](size_t i) { return used[i] / (1 << 20); });
}

}  // namespace

std::string control_folder() { return state_folder() + "/servers"; }

std::string sessions_json(const Tenants& tenants, const ListenerOptions&) {
  Json all = Json::array();
  const uint64_t now = now_ns();
  for (const auto& [worker, tenant] : tenants.all()) all.push_back(json_of(*tenant, now));
  return all.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string metrics_text(const Tenants& tenants, const ListenerOptions& options) {
  Metrics metrics;
  add_devices(metrics, tenants, options);
  metrics.head("outboard_sessions", "gauge", "Sessions that are served now.");
  metrics.value("", static_cast<double>(tenants.serving()));
  size_t queued = 0;
  for (const auto& [worker, tenant] : tenants.all()) queued += tenant->stage == Tenant::Stage::queued;
  metrics.head("outboard_sessions_queued", "gauge", "Clients that wait for a place.");
  metrics.value("", static_cast<double>(queued));
  metrics.head("outboard_sessions_most", "gauge", "Sessions that this server takes.");
  metrics.value("", static_cast<double>(options.tenants.most_clients));
  const Sums sums = sums_of(tenants);
  struct Column {
    const char *name, *help;
    double (*value)(const Usage&);
  };
  constexpr Column columns[] = {{"outboard_sessions_total", "Sessions since the server started.",
                                 [](const Usage& usage) { return static_cast<double>(usage.sessions); }},
                                {"outboard_device_seconds_total", "Processor time of the device that sessions used.",
                                 [](const Usage& usage) { return static_cast<double>(usage.device_ns) / 1e9; }},
                                {"outboard_received_bytes_total", "Bytes that came from clients.",
                                 [](const Usage& usage) { return static_cast<double>(usage.bytes_in); }},
                                {"outboard_sent_bytes_total", "Bytes that went to clients.",
                                 [](const Usage& usage) { return static_cast<double>(usage.bytes_out); }}};
  for (const Column& column : columns) {
    metrics.head(column.name, "counter", column.help);
    for (const auto& [key, usage] : sums) metrics.value(labels_of(key.first, key.second), column.value(usage));
  }
  metrics.head("outboard_session_memory_bytes", "gauge", "Device memory that a session uses.");
  for (const auto& [worker, tenant] : tenants.all())
    if (tenant->counts)
      metrics.value("worker=\"" + std::to_string(worker) + "\"," + labels_of(tenant->token, tenant->vgpu.name),
                    static_cast<double>(tenant->share->memory.load()));
  return metrics.take();
}

Web::Answer respond_to_anybody(Tenants& tenants, const ListenerOptions& options, const std::string& method,
                               const std::string& path) {
  if (method == "GET" && path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(tenants, options)};
  if (method == "GET" && path == "/healthz") return {200, "text/plain; charset=utf-8", "ok\n"};
  return {404, "text/plain; charset=utf-8", "there are /metrics and /healthz\n"};
}

Web::Answer respond_to_user(Tenants& tenants, const ListenerOptions& options, const std::string& method,
                            const std::string& path) {
  constexpr const char* json = "application/json";
  auto rest_after = [&](const std::string& prefix) {
    return method == "POST" && path.starts_with(prefix) ? path.substr(prefix.size()) : std::string();
  };
  if (method == "GET" && path == "/sessions") return {200, json, sessions_json(tenants, options)};
  if (method == "GET" && path == "/about") {
    Json about{{"process", getpid()}, {"devices", options.tenants.devices}, {"addresses", Json::array()}};
    for (const links::Address& address : options.addresses) about["addresses"].push_back(address.text());
    return {200, json, about.dump() + "\n"};
  }
  if (std::string id = rest_after("/revoked/"); !id.empty())
    return {200, json, std::to_string(tenants.end_token(id, "its token was revoked")) + "\n"};
  if (std::string name = rest_after("/deleted/"); !name.empty())
    return {200, json,
            std::to_string(tenants.end_virtual_gpu(name, "its virtual GPU '" + name + "' was deleted")) + "\n"};
  return respond_to_anybody(tenants, options, method, path);
}

}  // namespace server
