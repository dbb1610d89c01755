#include "cli/serve.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/log.h"
#include "cli/services.h"
#include "server/devices.h"
#include "server/listener.h"

namespace cli {
namespace {

// The link keeps the pipes; descriptors 0 and 1 become harmless, so that nothing the device prints gets between frames.
int serve_stdio(const server::WorkerOptions& options) {
  base::Fd in(fcntl(0, F_DUPFD_CLOEXEC, 3)), out(fcntl(1, F_DUPFD_CLOEXEC, 3));
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (!in.valid() || !out.valid() || null < 0) return fail("--stdio needs an open standard input and output", misused);
  dup2(null, 0);
  dup2(null, 1);
  server::run_worker(links::Link(std::move(in), std::move(out)), options);
}

// What the programs that clients ship find here; their supervisors inherit it.
void set_up_programs(const ServeOptions& options) {
  std::string folders;
  for (const std::string& folder : options.exec_read) folders += (folders.empty() ? "" : ":") + folder;
  if (!folders.empty()) setenv("OUTBOARD_EXEC_READ", folders.c_str(), 1);
  if (options.no_sandbox) setenv("OUTBOARD_EXEC_SANDBOX", "off", 1);
  for (const std::string& name : options.listen)
    if (name.starts_with("unix:")) setenv("OUTBOARD_OWN_SOCKET", name.c_str(), 1);
}

}  // namespace

bool parse_bytes(const std::string& text, uint64_t& bytes) {
  char* end = nullptr;
  double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || number <= 0) return false;
  std::string unit = end;
  if (unit.size() > 1 && unit.back() == 'B') unit.pop_back();
  if (unit.size() > 1 && unit.back() == 'i') unit.pop_back();
  constexpr std::string_view units = "KMGT";
  if (unit.empty()) {
    bytes = static_cast<uint64_t>(number);
    return true;
  }
  size_t power = units.find(unit);
  if (unit.size() != 1 || power == units.npos) return false;
  bytes = static_cast<uint64_t>(number * static_cast<double>(uint64_t{1} << (10 * (power + 1))));
  return true;
}

namespace {

base::Status choose_devices(const ServeOptions& options, server::ListenerOptions& listener) {
  listener.worker.device = TRY(server::choose_device(options.device));
  listener.tenants.measured = listener.worker.device == "nvidia";
  if (const char* set = std::getenv("OUTBOARD_DEVICES"); set && std::atoi(set) > 0)
    listener.tenants.devices = static_cast<unsigned>(std::atoi(set));
  if (options.devices) listener.tenants.devices = static_cast<unsigned>(options.devices);
  if (options.devices) setenv("OUTBOARD_DEVICES", std::to_string(options.devices).c_str(), 1);  // workers inherit it
  if (!options.memory.empty() && !parse_bytes(options.memory, listener.worker.memory_bytes))
    return base::Error{"--memory '" + options.memory + "' is no size; write for example 8GiB"};
  return base::Done{};
}

base::Status take_lease(const ServeOptions& options, server::WorkerOptions& worker) {
  worker.generation = options.generation;
  if (options.lease.empty()) return base::Done{};
  static std::optional<server::Lease> lease;  // as long as the process
  lease = TRY(server::Lease::take(options.lease));
  worker.lease = &*lease;
  return base::Done{};
}

base::Status choose_addresses(const ServeOptions& options, server::ListenerOptions& listener) {
  std::vector<std::string> names = options.listen;
  if (names.empty()) names.push_back("unix:" + links::default_socket_path());
  for (const std::string& name : names) {
    listener.addresses.push_back(TRY(links::parse(name)));
    listener.addresses.back().plaintext = options.plaintext;
    if (listener.addresses.back().kind == links::Address::Kind::tls && !listener.key)
      listener.key = TRY(links::ServerKey::load_or_create(links::ServerKey::default_path()));
  }
  return base::Done{};
}

}  // namespace

int serve(const ServeOptions& options) {
  server::ListenerOptions listener;
  listener.tenants.most_clients = options.most_clients;
  listener.tenants.token_required = options.require_token;
  listener.tenants.services = services();
  listener.tenants.programs = options.exec;
  listener.metrics = options.metrics;
  listener.worker.sandbox = !options.no_sandbox;
  listener.worker.grace_seconds = options.grace_seconds;
  set_up_programs(options);
  if (auto chosen = choose_devices(options, listener); !chosen) return fail(chosen.error(), misused);
  if (auto taken = take_lease(options, listener.worker); !taken) return fail(taken.error(), misused);
  if (options.stdio) {
    if (!options.listen.empty())
      return fail("--stdio serves one client and does not listen; leave out --listen", misused);
    if (options.exec) listener.worker.services = services();
    return serve_stdio(listener.worker);
  }
  if (auto chosen = choose_addresses(options, listener); !chosen) return fail(chosen.error(), misused);
  if (!options.quiet && !std::getenv("OUTBOARD_LOG")) base::set_level(base::Level::info);
  if (listener.key) base::log(base::Level::info, "server-key", {{"fingerprint", listener.key->fingerprint()}});
  return server::listen_and_serve(listener);
}

namespace {

// The subcommand; its options land in `options`.
CLI::App* describe(CLI::App& app, ServeOptions& options) {
  auto* serve = app.add_subcommand("serve", "Offer this machine's device to other programs and machines");
  serve->add_option(
      "--listen", options.listen,
      "unix:PATH, tcp:127.0.0.1:PORT, tls:HOST:PORT (encrypted) or vsock://any:PORT; may be repeated (default: this "
      "user's socket)");
  serve->add_flag("--stdio", options.stdio,
                  "Serve one client over standard input and output (via:'ssh HOST outboard serve --stdio')");
  serve->add_flag(
      "--exec", options.exec,
      "Let clients run programs as this user, too (outboard exec): those of --stdio, and from elsewhere those "
      "with a token of outboard token create --exec");
  serve->add_option("--exec-read", options.exec_read,
                    "A folder that such programs may read, beside the system's own; may be repeated");
  serve->add_option("--device", options.device, server::device_names)->capture_default_str();
  serve->add_option("--devices", options.devices, "How many devices each client sees, 1 to 16 (default 1)")
      ->check(CLI::Range(1, 16));
  serve->add_option("--memory", options.memory, "Memory of each device, for each client, for example 8GiB");
  serve->add_option("--max-clients", options.most_clients, "Refuse more clients than this")->capture_default_str();
  serve->add_flag("--require-token", options.require_token, "Serve nobody without a token, wherever he comes from");
  serve->add_flag("--no-sandbox", options.no_sandbox,
                  "Let workers do what this user may (for debuggers and profilers)");
  serve->add_option("--metrics", options.metrics, "127.0.0.1:PORT: /metrics for Prometheus and /healthz");
  serve
      ->add_option("--grace", options.grace_seconds,
                   "Seconds that a session over TCP waits for a client whose connection broke; 0: none")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  serve->add_option("--lease", options.lease,
                    "Serve only while file:PATH,SECONDS is touched, command:WORDS,SECONDS succeeds, or stdin,SECONDS "
                    "brings bytes, at least that often (docs/targets.md)");
  serve->add_option("--generation", options.generation,
                    "Which server this is of those that have its place one after the other; clients never go back");
  serve->add_flag("--plaintext", options.plaintext,
                  "Let tcp:HOST:PORT listen beyond this machine: whoever is on the way can read and change everything");
  serve->add_flag("--quiet", options.quiet, "Log warnings and errors only");
  return serve;
}

}  // namespace

void add_serve(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<ServeOptions>();
  commands.emplace_back(describe(app, *options), [options] { return serve(*options); });
}

}  // namespace cli
