// What is known of one machine: an ordered map from key to text, as probes or a snapshot file give it.
//
// The kind of a fact is the start of its key; docs/doctor.md lists the keys.
//   f:/path  what a file holds        n:/dev/x  a device node and how opening it went    e:NAME  an environment
//   variable w:name   the Windows side         p:name    the answer of a probe in a child         c:name  a command's
//   output k:dmesg  the kernel's log         i:name    user, groups, architecture, C library
// A fact is present, absent (looked for, not there), or unknown (could not be looked for, and why). No check may read
// an unknown fact as an absent one.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace outboard::doctor {

class Facts {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;

  // A fact that becomes known is no longer unknown, and the reverse.
  void set(std::string_view key, std::string_view text);
  // The key may be a pattern: every fact that matches it could not be looked for ("w:*": no way to ask Windows).
  void set_unknown(std::string_view key, std::string_view reason);
  // Forgets the facts that match a pattern.
  void remove(std::string_view pattern);

  bool has(std::string_view key) const { return known_.find(key) != known_.end(); }
  // The text of a known fact; null when it is absent or unknown.
  const std::string* find(std::string_view key) const;
  // The same with a word for "not there".
  std::string text(std::string_view key, std::string_view otherwise = "") const;
  // Why a fact is unknown; null when it is known or absent.
  const std::string* why_unknown(std::string_view key) const;
  // Neither present nor unknown: it was looked for and is not there.
  bool absent(std::string_view key) const { return !has(key) && !why_unknown(key); }

  // The keys that match a pattern, in order; `*` stands for any text, `/` included.
  std::vector<std::string> matching(std::string_view pattern) const;
  bool any(std::string_view pattern) const;

  const Map& known() const { return known_; }
  const Map& unknown() const { return unknown_; }

 private:
  Map known_;
  Map unknown_;  // key or pattern, and the reason
};

// Whether a text matches a pattern in which `*` stands for any text and `?` for one character.
bool matches(std::string_view text, std::string_view pattern);

// A snapshot: one flat JSON object. Values are texts; numbers and truth values are read as their text, lists of them as
// lines, null as absent. An unknown fact is the key with `u:` before it and the reason as its value.
constexpr size_t largest_snapshot = 32 << 20;
base::Result<Facts> read_snapshot(std::string_view json);
base::Result<Facts> read_snapshot_file(const std::string& path);  // "-" is standard input
std::string write_snapshot(const Facts& facts);

}  // namespace outboard::doctor
