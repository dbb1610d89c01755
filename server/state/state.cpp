// Tables and the statements on them.
#include "server/state/state.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

namespace server {
namespace {

constexpr const char* tables =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS vgpus (name TEXT PRIMARY KEY, gpu INTEGER NOT NULL, memory INTEGER NOT NULL,"
    " percent INTEGER NOT NULL, sessions INTEGER NOT NULL, idle_seconds INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, vgpu TEXT NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER NOT NULL, salt BLOB NOT NULL,"
    " verifier BLOB NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS usage (token TEXT NOT NULL, vgpu TEXT NOT NULL, sessions INTEGER NOT NULL,"
    " device_ns INTEGER NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL,"
    " PRIMARY KEY (token, vgpu)) STRICT;"
    "PRAGMA user_version=1;"
    "COMMIT";
// Version 2: tokens by which programs may be run.
constexpr const char* second_version =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE tokens ADD COLUMN programs INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version=2;"
    "COMMIT";

VirtualGpu read_virtual_gpu(const Statement& row) {
  return {row.text(0),
          static_cast<unsigned>(row.number(1)),
          static_cast<uint64_t>(row.number(2)),
          static_cast<unsigned>(row.number(3)),
          static_cast<unsigned>(row.number(4)),
          static_cast<uint64_t>(row.number(5))};
}

Token read_token(const Statement& row) {
  Token token{row.text(0),        row.text(1), row.text(2), row.number(3), row.number(4), row.number(5) != 0,
              row.number(8) != 0, {},          {}};
  bool whole =
      row.bytes(6, token.salt.data(), token.salt.size()) && row.bytes(7, token.verifier.data(), token.verifier.size());
  token.revoked = token.revoked || !whole;  // a damaged token opens nothing
  return token;
}

Usage read_usage(const Statement& row) {
  return {row.text(0),
          row.text(1),
          static_cast<uint64_t>(row.number(2)),
          static_cast<uint64_t>(row.number(3)),
          static_cast<uint64_t>(row.number(4)),
          static_cast<uint64_t>(row.number(5))};
}

base::Status make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
  if (mkdir(folder.c_str(), 0700) < 0 && errno != EEXIST)
    return base::Error{"cannot make " + folder + ": " + std::strerror(errno) +
                       "; choose another folder with OUTBOARD_STATE=FOLDER"};
  return base::Done{};
}

}  // namespace

std::string state_folder() {
  auto setting = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (std::string chosen = setting("OUTBOARD_STATE"); !chosen.empty()) return chosen;
  std::string base = setting("XDG_STATE_HOME");
  if (!base.starts_with('/')) base = setting("HOME") + "/.local/state";
  return base + "/outboard";
}

base::Result<State> State::open(const std::string& folder) {
  TRY(make_folder(folder));
  const std::string path = folder + "/state.db";
  mode_t before = umask(0077);
  auto database = Database::open(path);
  umask(before);
  State state(TRY(std::move(database)));
  TRY(state.set_up());
  return state;
}

base::Status State::set_up() {
  Statement version = database_.prepare("PRAGMA user_version");
  if (!version.step()) return database_.error();
  if (version.number(0) > 2) return base::Error{"the server's state was written by a newer Outboard; update this one"};
  const int64_t found = version.number(0);
  version = {};
  if (found < 1) TRY(database_.run(tables));
  if (found < 2) TRY(database_.run(second_version));
  return base::Done{};
}

base::Status State::finish(Statement& statement) {
  statement.step();
  if (statement.failed()) return database_.error();
  return base::Done{};
}

template <class Row, class Read>
base::Result<std::vector<Row>> State::all(Statement statement, Read read) {
  std::vector<Row> rows;
  while (statement.step()) rows.push_back(read(statement));
  if (statement.failed()) return database_.error();
  return rows;
}

// --- virtual GPUs

base::Status State::add(const VirtualGpu& vgpu) {
  if (TRY(find_virtual_gpu(vgpu.name)))
    return base::Error{"there is a virtual GPU '" + vgpu.name + "' already; delete it first"};
  Statement insert = database_.prepare("INSERT INTO vgpus VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(vgpu.name).bind(int64_t{vgpu.gpu}).bind(static_cast<int64_t>(vgpu.memory));
  insert.bind(int64_t{vgpu.percent}).bind(int64_t{vgpu.sessions}).bind(static_cast<int64_t>(vgpu.idle_seconds));
  return finish(insert);
}

base::Result<std::vector<VirtualGpu>> State::virtual_gpus() {
  return all<VirtualGpu>(database_.prepare("SELECT * FROM vgpus ORDER BY name"), read_virtual_gpu);
}

base::Result<std::optional<VirtualGpu>> State::find_virtual_gpu(const std::string& name) {
  Statement select = database_.prepare("SELECT * FROM vgpus WHERE name = ?");
  select.bind(name);
  auto found = TRY(all<VirtualGpu>(std::move(select), read_virtual_gpu));
  return found.empty() ? std::nullopt : std::optional(found.front());
}

base::Status State::remove_virtual_gpu(const std::string& name) {
  TRY(database_.run("BEGIN IMMEDIATE"));
  Statement tokens = database_.prepare("UPDATE tokens SET revoked = 1 WHERE vgpu = ?");
  Statement vgpu = database_.prepare("DELETE FROM vgpus WHERE name = ?");
  tokens.bind(name), vgpu.bind(name);
  base::Status done = finish(tokens);
  if (done) done = finish(vgpu);
  bool existed = database_.changes() > 0;
  if (done) done = database_.run("COMMIT");
  if (!done) {
    (void)database_.run("ROLLBACK");
    return done;
  }
  if (!existed) return base::Error{"there is no virtual GPU '" + name + "'; outboard vgpu list shows them"};
  return base::Done{};
}

// --- tokens

base::Status State::add(const Token& token) {
  Statement insert = database_.prepare("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)");
  insert.bind(token.id).bind(token.name).bind(token.vgpu).bind(token.created).bind(token.expires);
  insert.bind(token.salt.data(), token.salt.size())
      .bind(token.verifier.data(), token.verifier.size())
      .bind(int64_t{token.programs});
  return finish(insert);
}

base::Result<std::vector<Token>> State::tokens() {
  return all<Token>(database_.prepare("SELECT * FROM tokens ORDER BY created, id"), read_token);
}

base::Result<std::optional<Token>> State::find_token(const std::string& id) {
  Statement select = database_.prepare("SELECT * FROM tokens WHERE id = ?");
  select.bind(id);
  auto found = TRY(all<Token>(std::move(select), read_token));
  return found.empty() ? std::nullopt : std::optional(found.front());
}

base::Result<std::vector<std::string>> State::revoke(const std::string& which) {
  std::vector<std::string> named, begun;
  for (const Token& token : TRY(tokens())) {
    if (token.id == which || token.name == which) named.push_back(token.id);
    if (which.size() >= 4 && token.id.starts_with(which)) begun.push_back(token.id);
  }
  const std::vector<std::string>& chosen = named.empty() && begun.size() == 1 ? begun : named;
  if (chosen.empty()) return base::Error{"there is no token '" + which + "'; outboard token list shows them"};
  for (const std::string& id : chosen) {
    Statement update = database_.prepare("UPDATE tokens SET revoked = 1 WHERE id = ?");
    update.bind(id);
    TRY(finish(update));
  }
  return chosen;
}

// --- usage

base::Status State::add(const Usage& more) {
  Statement insert = database_.prepare(
      "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (token, vgpu) DO UPDATE SET"
      " sessions = sessions + excluded.sessions, device_ns = device_ns + excluded.device_ns,"
      " bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out");
  insert.bind(more.token).bind(more.vgpu).bind(static_cast<int64_t>(more.sessions));
  insert.bind(static_cast<int64_t>(more.device_ns)).bind(static_cast<int64_t>(more.bytes_in));
  insert.bind(static_cast<int64_t>(more.bytes_out));
  return finish(insert);
}

base::Result<std::vector<Usage>> State::usage() {
  return all<Usage>(database_.prepare("SELECT * FROM usage ORDER BY vgpu, token"), read_usage);
}

}  // namespace server
