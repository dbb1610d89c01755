// Small readers of the texts that facts hold: versions, lists, settings files, device nodes, libraries.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outboard::doctor {

std::string lower(std::string_view text);
std::string_view trimmed(std::string_view text);
bool contains(std::string_view text, std::string_view part);           // letter by letter
bool contains_any_case(std::string_view text, std::string_view part);  // whatever the case
// The parts of a list, trimmed, without the empty ones. The usual separators: new lines, commas, semicolons, bars.
std::vector<std::string> parts(std::string_view list, std::string_view separators = "\n,;|");
std::vector<std::string> lines(std::string_view text);
// A whole text as a number; nothing where it is none, or does not fit.
std::optional<long> number(std::string_view text, int base = 10);

// Whether a text holds a message: the message's pieces between its `*`, in order, in any case, spaces counted once.
bool holds(std::string_view text, std::string_view message);
bool holds_any(std::string_view text, const std::vector<std::string>& messages);
// The same in a text that went through lower(flat_log(text)) before.
bool flat_holds(std::string_view flat, std::string_view message);
bool flat_holds_any(std::string_view flat, const std::vector<std::string>& messages);

// A version is the numbers of its text, from the left: 550.90.07, 5.15.167.4-microsoft, 12.4.
struct Version {
  std::vector<long> numbers;
  explicit operator bool() const { return !numbers.empty(); }
  long major() const { return numbers.empty() ? 0 : numbers[0]; }
};
Version version_in(std::string_view text);  // the first version with a dot, wherever it stands
std::string_view version_text_in(std::string_view text);
bool operator<(const Version& a, const Version& b);
bool operator==(const Version& a, const Version& b);  // as far as both go: 550.90 equals 550.90.07
inline bool operator!=(const Version& a, const Version& b) { return !(a == b); }

// A setting of a file with [sections] and name=value lines; names in any case, the last one wins.
std::optional<std::string> setting(std::string_view file, std::string_view section, std::string_view name);
bool is_no(std::string_view value);   // false, 0, no, off
bool is_yes(std::string_view value);  // true, 1, yes, on

// "c 195:255 0666 root:root open=EPERM"
struct Node {
  long major = -1, minor = -1, mode = 0;
  std::string owner, group, open;
  bool opens() const { return open == "ok"; }
  bool everybody_may() const { return (mode & 6) == 6; }
};
std::optional<Node> node(std::string_view text);

// "ELF64 x86_64 glibc 550.90.07"
struct Library {
  bool empty = false, elf = false;
  int bits = 0;
  std::string machine, c_library, build;
  Version version() const;  // of the driver that it belongs to; none for loaders and stubs
};
Library library(std::string_view text);

// The kernel's log in one line: no time stamps, no "NVRM:" in the middle of a sentence, single spaces.
std::string flat_log(std::string_view log);

}  // namespace outboard::doctor
