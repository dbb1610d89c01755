// Write-ahead logging, so that a killed server loses nothing that it had written (SQLite, "Write-Ahead Logging").
#include "server/state/database.h"

#include <sqlite3.h>

#include <cstring>

namespace server {
namespace {

constexpr int patience_ms = 2000;  // for another process that writes

std::string damaged(const std::string& path, const std::string& reason) {
  return "the server's state in " + path + " is damaged (" + reason +
         "); restore it from a copy, or move it away to begin with no tokens and no virtual GPUs";
}

}  // namespace

void Statement::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Statement& Statement::bind(std::string_view text) {
  failed_ |= sqlite3_bind_text(statement_.get(), ++bound_, text.data(), static_cast<int>(text.size()),
                               SQLITE_TRANSIENT) != SQLITE_OK;
  return *this;
}

Statement& Statement::bind(int64_t number) {
  failed_ |= sqlite3_bind_int64(statement_.get(), ++bound_, number) != SQLITE_OK;
  return *this;
}

Statement& Statement::bind(const void* bytes, size_t size) {
  failed_ |=
      sqlite3_bind_blob(statement_.get(), ++bound_, bytes, static_cast<int>(size), SQLITE_TRANSIENT) != SQLITE_OK;
  return *this;
}

bool Statement::step() {
  int result = failed_ ? SQLITE_ERROR : sqlite3_step(statement_.get());
  failed_ = result != SQLITE_ROW && result != SQLITE_DONE;
  return result == SQLITE_ROW;
}

std::string Statement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  return text ? reinterpret_cast<const char*>(text) : "";
}

int64_t Statement::number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

bool Statement::bytes(int column, void* to, size_t size) const {
  const void* from = sqlite3_column_blob(statement_.get(), column);
  if (!from || static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)) != size) return false;
  std::memcpy(to, from, size);
  return true;
}

base::Result<Database> Database::open(const std::string& path) {
  Database made;
  made.path_ = path;
  sqlite3* opened = nullptr;
  int result = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  made.database_.reset(opened);
  if (result != SQLITE_OK) return made.error();
  sqlite3_busy_timeout(opened, patience_ms);
  TRY(made.run("PRAGMA journal_mode=WAL"));
  TRY(made.run("PRAGMA synchronous=NORMAL"));
  Statement check = made.prepare("PRAGMA quick_check(1)");
  if (!check.step()) return made.error();
  if (std::string verdict = check.text(0); verdict != "ok") return base::Error{damaged(path, verdict)};
  return made;
}

Statement Database::prepare(const char* sql) {
  Statement statement;
  sqlite3_stmt* made = nullptr;
  statement.failed_ = sqlite3_prepare_v2(database_.get(), sql, -1, &made, nullptr) != SQLITE_OK;
  statement.statement_.reset(made);
  return statement;
}

base::Status Database::run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error();
  return base::Done{};
}

base::Error Database::error() const {
  int code = sqlite3_errcode(database_.get());
  std::string reason = sqlite3_errmsg(database_.get());
  switch (code) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: return base::Error{damaged(path_, reason)};
    case SQLITE_FULL: return base::Error{"the disk with " + path_ + " is full; make room and try again"};
    case SQLITE_BUSY: return base::Error{path_ + " is in use by another program; try again"};
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return base::Error{path_ + " cannot be written (" + reason +
                         "); choose another folder with "
                         "OUTBOARD_STATE=FOLDER"};
    default: return base::Error{path_ + ": " + reason};
  }
}

int Database::changes() const { return sqlite3_changes(database_.get()); }

}  // namespace server
