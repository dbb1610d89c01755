// Files below the root of a place, read with limits: what is not a plain file is never waited for, and links stay
// inside the root.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/reading/place.h"

namespace base::reading {

enum class State { there, absent, unreadable };

struct Reading {
  State state = State::absent;
  std::string text;
  std::string why;    // unreadable: one sentence
  bool whole = true;  // false: there is more than the limit
};

struct Listing {
  State state = State::absent;
  std::vector<std::string> names;  // sorted
  std::string why;
};

constexpr size_t usual_limit = 256 << 10;

// The path to give to the system for a path below the root. An error: a loop of links (ELOOP), in errno.
std::string below(const Place& place, std::string_view path);
Reading read(const Place& place, std::string_view path, size_t limit = usual_limit);
// The end of a file that may be long.
Reading read_end(const Place& place, std::string_view path, size_t limit = usual_limit);
// The text of a small file, trimmed; empty when it is not there, unreadable, or no text.
std::string word(const Place& place, std::string_view path);
Listing list(const Place& place, std::string_view directory);
bool is_there(const Place& place, std::string_view path);
bool is_directory(const Place& place, std::string_view path);
// What a link says, not followed; empty when it is none.
std::string link_target(const Place& place, std::string_view path);
// The path with the links of its directories (and, with `whole`, of its last part) replaced by what they lead to.
std::string canonical(const Place& place, std::string_view path, bool whole);

// The path with the links of its folder replaced: libraries have one key, whichever way they were found.
std::string in_true_folder(const Place& place, const std::string& path);

struct Found {
  std::vector<std::string> paths;   // sorted
  std::vector<Reading> unreadable;  // directories that could not be listed: `text` is the path
};
// Paths that match a pattern in which a part may hold `*`. At most `most` of them.
Found find(const Place& place, std::string_view pattern, size_t most = 256);

// A plain file in memory, as it lies on the disk; empty when it cannot be mapped. For files too large to read.
class Mapped {
 public:
  Mapped(const Place& place, std::string_view path);
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped();
  State state() const { return reading_.state; }
  const std::string& why() const { return reading_.why; }
  std::string_view bytes() const { return {static_cast<const char*>(address_), size_}; }

 private:
  Reading reading_;
  void* address_ = nullptr;
  size_t size_ = 0;
};

// "permission denied" and the like, for people.
std::string error_sentence(int error);
// "EACCES" and the like, for facts.
std::string error_name(int error);

}  // namespace base::reading
