// SQLite as this server needs it: one file, statements that bind and read by position.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace server {

class Statement {
 public:
  Statement& bind(std::string_view text);
  Statement& bind(int64_t number);
  Statement& bind(const void* bytes, size_t size);

  bool step();  // true: there is a row
  bool failed() const { return failed_; }
  std::string text(int column) const;
  int64_t number(int column) const;
  bool bytes(int column, void* to, size_t size) const;  // false: it has another size

 private:
  friend class Database;
  struct Close {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Close> statement_;
  int bound_ = 0;
  bool failed_ = false;
};

class Database {
 public:
  // Opens or makes the file. What is no database, or a damaged one, is an error that says what to do.
  static base::Result<Database> open(const std::string& path);

  Statement prepare(const char* sql);
  base::Status run(const char* sql);
  // After a statement: what went wrong, as one sentence.
  base::Error error() const;
  int changes() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

}  // namespace server
