// Readers of texts that anybody may have written: they find nothing rather than fail.
#include "doctor/read.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <tuple>

namespace outboard::doctor {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower_of(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower_of);
  return result;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space(" \t\r\n\0", 5);
  size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool contains_any_case(std::string_view text, std::string_view part) {
  auto same = [](char a, char b) { return lower_of(a) == lower_of(b); };
  return part.empty() || std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

std::vector<std::string> parts(std::string_view list, std::string_view separators) {
  std::vector<std::string> result;
  while (!list.empty()) {
    size_t end = std::min(list.find_first_of(separators), list.size());
    if (auto part = trimmed(list.substr(0, end)); !part.empty()) result.emplace_back(part);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return result;
}

std::vector<std::string> lines(std::string_view text) { return parts(text, "\n"); }

std::optional<long> number(std::string_view text, int base) {
  text = trimmed(text);
  if (base == 16 && (text.starts_with("0x") || text.starts_with("0X"))) text.remove_prefix(2);
  long value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string_view version_text_in(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (!is_digit(text[at]) || (at > 0 && (is_digit(text[at - 1]) || text[at - 1] == '.'))) continue;
    size_t end = at, dots = 0;
    while (end < text.size() &&
           (is_digit(text[end]) || (text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1]))))
      dots += text[end++] == '.';
    if (dots > 0) return text.substr(at, end - at);
    at = end;
  }
  return {};
}

Version version_in(std::string_view text) {
  Version version;
  for (const std::string& part : parts(version_text_in(text), ".")) version.numbers.push_back(number(part).value_or(0));
  return version;
}

bool operator<(const Version& a, const Version& b) {
  return std::lexicographical_compare(a.numbers.begin(), a.numbers.end(), b.numbers.begin(), b.numbers.end());
}

bool operator==(const Version& a, const Version& b) {
  size_t both = std::min(a.numbers.size(), b.numbers.size());
  return both > 0 && std::equal(a.numbers.begin(), a.numbers.begin() + static_cast<long>(both), b.numbers.begin());
}

bool flat_holds(std::string_view flat, std::string_view message) {
  size_t from = 0;
  for (const std::string& piece : parts(message, "*")) {
    size_t at = flat.find(lower(piece), from);
    if (at == std::string::npos) return false;
    from = at + piece.size();
  }
  return true;
}

bool flat_holds_any(std::string_view flat, const std::vector<std::string>& messages) {
  if (flat.empty()) return false;
  return std::any_of(messages.begin(), messages.end(), [&](const std::string& each) { return flat_holds(flat, each); });
}

bool holds(std::string_view text, std::string_view message) { return flat_holds(lower(flat_log(text)), message); }

bool holds_any(std::string_view text, const std::vector<std::string>& messages) {
  return flat_holds_any(lower(flat_log(text)), messages);
}

std::optional<std::string> setting(std::string_view file, std::string_view section, std::string_view name) {
  std::optional<std::string> value;
  bool inside = false;
  for (const std::string& line : lines(file)) {
    if (line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      inside = lower(trimmed(std::string_view(line).substr(1, line.find(']') - 1))) == lower(section);
      continue;
    }
    size_t equals = line.find('=');
    if (!inside || equals == std::string::npos) continue;
    if (lower(trimmed(std::string_view(line).substr(0, equals))) != lower(name)) continue;
    std::string_view text = trimmed(std::string_view(line).substr(equals + 1));
    text = trimmed(text.substr(0, text.find_first_of("#;")));
    if (text.size() > 1 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    value = std::string(text);
  }
  return value;
}

bool is_no(std::string_view value) {
  std::string text = lower(trimmed(value));
  return text == "false" || text == "0" || text == "no" || text == "off";
}

bool is_yes(std::string_view value) {
  std::string text = lower(trimmed(value));
  return text == "true" || text == "1" || text == "yes" || text == "on";
}

std::optional<Node> node(std::string_view text) {
  auto words = parts(text, " \t\n");
  if (words.size() < 4) return std::nullopt;
  Node node;
  auto halves = [](const std::string& word) {
    size_t colon = word.find(':');
    return std::pair(word.substr(0, colon), colon == std::string::npos ? std::string() : word.substr(colon + 1));
  };
  auto [major, minor] = halves(words[1]);
  node.major = number(major).value_or(-1);
  node.minor = number(minor).value_or(-1);
  node.mode = number(words[2], 8).value_or(0);
  std::tie(node.owner, node.group) = halves(words[3]);
  for (const std::string& word : words)
    if (word.starts_with("open=")) node.open = word.substr(5);
  return node;
}

Version Library::version() const {
  // Builds of the driver count from 300 or so on; file versions of other libraries (1.1) do not.
  Version version = version_in(build);
  return version.major() >= 100 ? version : Version{};
}

Library library(std::string_view text) {
  Library library;
  auto words = parts(text, " \t\n");
  library.empty = words.empty();
  if (words.empty() || !words[0].starts_with("ELF")) return library;
  library.elf = true;
  library.bits = static_cast<int>(number(words[0].substr(3)).value_or(0));
  if (words.size() > 1) library.machine = words[1];
  if (words.size() > 2) library.c_library = words[2];
  if (words.size() > 3) library.build = words[3];
  return library;
}

std::string flat_log(std::string_view log) {
  std::string flat;
  for (std::string line : lines(log)) {
    if (line[0] == '[')  // "[   12.345678] "
      if (size_t end = line.find("] "); end != std::string::npos && line.find_first_not_of(" .0123456789", 1) == end)
        line.erase(0, end + 2);
    if (line.starts_with("NVRM:")) line.erase(0, 5);
    for (const std::string& word : parts(line, " \t")) {
      if (!flat.empty()) flat += ' ';
      flat += word;
    }
  }
  return flat;
}

}  // namespace outboard::doctor
