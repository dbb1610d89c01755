#include "cli/token.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/joined.h"
#include "link/address.h"
#include "link/server_key.h"
#include "server/state/secret.h"
#include "server/state/state.h"

namespace cli {
namespace {

struct Wanted {
  std::string vgpu, expires, name, address, which;
  bool programs = false;
};

std::string date_text(int64_t seconds) {
  char text[32];
  std::time_t time = seconds;
  std::tm parts{};
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", localtime_r(&time, &parts));
  return text;
}

using Kind = links::Address::Kind;

// The addresses of this user's servers.
std::vector<links::Address> served() {
  std::vector<links::Address> all;
  for (const std::string& answer : ask_servers("GET", "/about")) {
    auto about = nlohmann::json::parse(answer, nullptr, false);
    if (!about.is_object()) continue;
    for (const auto& text : about["addresses"])
      if (auto address = links::parse(text.get<std::string>())) all.push_back(address.value());
  }
  return all;
}

// Who listens everywhere is reached by the machine's name; from its virtual machines, as their host (vsock(7)).
links::Address reachable(links::Address address) {
  char name[HOST_NAME_MAX + 1] = "";
  if (address.kind == Kind::vsock && address.where == "any") address.where = "2";
  if ((address.where == "0.0.0.0" || address.where == "::") && gethostname(name, sizeof name - 1) == 0)
    address.where = name;
  return address;
}

// Where clients can reach a server of this user: encrypted before plain.
base::Result<links::Address> find_server(const std::string& wanted) {
  auto servers = served();
  auto listening = [&](Kind kind) {
    return std::find_if(servers.begin(), servers.end(), [&](const auto& address) { return address.kind == kind; });
  };
  for (const char* kind : {"tcp:", "tls:", "vsock://"})
    if (wanted.starts_with(kind)) return links::parse(wanted);
  if (!wanted.empty()) return links::parse((listening(Kind::tls) != servers.end() ? "tls:" : "tcp:") + wanted);
  for (Kind kind : {Kind::tls, Kind::tcp, Kind::vsock})
    if (auto found = listening(kind); found != servers.end()) return reachable(*found);
  return base::Error{
      "no server of yours can be reached from elsewhere; start one (outboard serve --listen tls:0.0.0.0:PORT), or say "
      "where clients reach it with --address HOST:PORT or --address vsock://CID:PORT"};
}

// By which clients know the server at this address; "-": its link is not encrypted.
base::Result<std::string> fingerprint(const links::Address& address) {
  if (address.kind != Kind::tls) return std::string("-");
  return TRY(links::ServerKey::load_or_create(links::ServerKey::default_path())).fingerprint();
}

int create(const Wanted& wanted) {
  if (!wanted.name.empty() && !server::is_name(wanted.name))
    return fail("'" + wanted.name + "' cannot be a name; use letters, digits, . _ -");
  uint64_t seconds = 0;
  if (!wanted.expires.empty() && !parse_duration(wanted.expires, seconds))
    return fail("--expires '" + wanted.expires + "' is no time; write for example 30d");
  auto address = find_server(wanted.address);
  if (!address) return fail(address.error());
  auto state = server::State::open();
  if (!state) return fail(state.error());
  if (!wanted.vgpu.empty()) {
    auto vgpu = state.value().find_virtual_gpu(wanted.vgpu);
    if (!vgpu) return fail(vgpu.error());
    if (!vgpu.value()) return fail("there is no virtual GPU '" + wanted.vgpu + "'; outboard vgpu list shows them");
  }
  auto key = fingerprint(address.value());
  if (!key) return fail(key.error());
  server::Secret secret;
  auto token = server::make_token(secret);
  if (!token) return fail(token.error());
  token.value().name = wanted.name;
  token.value().vgpu = wanted.vgpu;
  token.value().programs = wanted.programs;
  if (seconds) token.value().expires = token.value().created + static_cast<int64_t>(seconds);
  base::Status added = state.value().add(token.value());
  if (!added) return fail(added.error());
  client::Joined joined{
      {}, client::host_of(address.value()), address.value().port, key.value(), server::encode(secret)};
  std::printf("%s\n", client::join_line(joined).c_str());
  std::fprintf(
      stderr,
      "Whoever has this line can use your GPU%s%s; it is shown this once. On the other side: outboard join LINE\n",
      wanted.vgpu.empty() ? "" : (" as '" + wanted.vgpu + "'").c_str(),
      wanted.programs ? " and run programs as you, where the server was started with --exec" : "");
  return 0;
}

int list() {
  auto state = server::State::open();
  if (!state) return fail(state.error());
  auto tokens = state.value().tokens();
  auto usage = state.value().usage();
  if (!tokens || !usage) return fail(tokens ? usage.error() : tokens.error());
  std::printf("%-17s %-14s %-14s %-17s %-17s %-8s %8s %s\n", "TOKEN", "NAME", "VGPU", "CREATED", "EXPIRES", "STATE",
              "SESSIONS", "DEVICE TIME");
  for (const server::Token& token : tokens.value()) {
    uint64_t sessions = 0, device_ns = 0;
    for (const server::Usage& used : usage.value())
      if (used.token == token.id) sessions += used.sessions, device_ns += used.device_ns;
    bool over = token.expires && token.expires <= std::time(nullptr);
    std::printf("%-17s %-14s %-14s %-17s %-17s %-8s %8llu %.1f s\n", token.id.c_str(),
                token.name.empty() ? "-" : token.name.c_str(), token.vgpu.empty() ? "any" : token.vgpu.c_str(),
                date_text(token.created).c_str(), token.expires ? date_text(token.expires).c_str() : "never",
                token.revoked    ? "revoked"
                : over           ? "expired"
                : token.programs ? "exec"
                                 : "valid",
                static_cast<unsigned long long>(sessions), static_cast<double>(device_ns) / 1e9);
  }
  return 0;
}

int revoke(const std::string& which) {
  auto state = server::State::open();
  if (!state) return fail(state.error());
  auto ids = state.value().revoke(which);
  if (!ids) return fail(ids.error());
  long ended = 0;
  for (const std::string& id : ids.value())
    for (const std::string& answer : ask_servers("POST", "/revoked/" + id)) ended += std::atol(answer.c_str());
  std::printf("revoked %zu token%s; %ld session%s ended\n", ids.value().size(), ids.value().size() == 1 ? "" : "s",
              ended, ended == 1 ? "" : "s");
  return 0;
}

}  // namespace

void add_token(CLI::App& app, Commands& commands) {
  auto* token = app.add_subcommand("token", "Tokens: who may use this user's servers from elsewhere");
  token->require_subcommand(1);
  auto wanted = std::make_shared<Wanted>();
  auto* make = token->add_subcommand("create", "Make a token and print its join line");
  make->add_option("--vgpu", wanted->vgpu, "Good for this virtual GPU and no other");
  make->add_option("--expires", wanted->expires, "Good for so long, for example 12h or 30d (default: until revoked)");
  make->add_option("--name", wanted->name, "A name for the list");
  make->add_flag("--exec", wanted->programs, "Good for running programs, too (outboard exec)");
  make->add_option("--address", wanted->address, "HOST:PORT or vsock://CID:PORT where clients reach the server");
  auto* all = token->add_subcommand("list", "All tokens, and what was used with them");
  auto* gone = token->add_subcommand("revoke", "Revoke a token by id or name: its sessions end");
  gone->add_option("token", wanted->which, "Its id, the beginning of it, or its name")->required();
  commands.emplace_back(make, [wanted] { return create(*wanted); });
  commands.emplace_back(all, list);
  commands.emplace_back(gone, [wanted] { return revoke(wanted->which); });
}

}  // namespace cli
