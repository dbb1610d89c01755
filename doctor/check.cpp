// What checks collect, and the table of them all.
#include "doctor/check.h"

#include <algorithm>
#include <array>

#include "doctor/checks/subjects.h"

namespace outboard::doctor {

namespace {

constexpr size_t most_of_a_value = 400;

// Cut where a person still knows what it was.
std::string shortened(std::string_view text) {
  text = trimmed(text);
  return std::string(text.substr(0, most_of_a_value));
}

}  // namespace

Seen& Seen::fact(std::string_view key, std::string_view expected) {
  if (const std::string* text = facts_.find(key))
    evidence_.push_back({std::string(key), shortened(*text), std::string(expected)});
  return *this;
}

Seen& Seen::facts(const std::vector<std::string>& keys, std::string_view expected) {
  for (const std::string& key : keys) fact(key, expected);
  return *this;
}

Seen& Seen::line(std::string_view key, std::string_view words, std::string_view expected) {
  const std::string* text = facts_.find(key);
  if (!text) return *this;
  for (const std::string& line : doctor::lines(*text))
    if (contains_any_case(line, words)) {
      evidence_.push_back({std::string(key), shortened(line), std::string(expected)});
      return *this;
    }
  return fact(key, expected);
}

Seen& Seen::lines(std::string_view key, const std::vector<std::string>& messages) {
  // The first line that begins a message; messages go over lines.
  for (const std::string& message : messages) {
    const std::string* text = facts_.find(key);
    if (!text || !holds(*text, message)) continue;
    for (const std::string& line : doctor::lines(*text))
      if (holds(line, message)) {
        evidence_.push_back({std::string(key), shortened(line), ""});
        return *this;
      }
  }
  return fact(key);
}

Seen& Seen::missing(std::string_view what) {
  missing_.emplace_back(what);
  return *this;
}

Seen& Seen::is(Surety surety) {
  surety_ = surety;
  said_surety_ = true;
  return *this;
}

const std::vector<Check>& all_checks() {
  static const std::vector<Check> table = [] {
    std::vector<Check> all;
    for (const std::vector<Check>* subject : check_subjects()) all.insert(all.end(), subject->begin(), subject->end());
    std::stable_sort(all.begin(), all.end(), [](const Check& a, const Check& b) { return a.rank < b.rank; });
    return all;
  }();
  return table;
}

std::string_view name_of(Severity severity) {
  return std::array<std::string_view, 3>{"blocked", "limited", "info"}[static_cast<size_t>(severity)];
}

std::string_view name_of(Layer layer) {
  return std::array<std::string_view, 8>{"Windows",    "WSL",        "machine", "container",
                                         "GPU driver", "GPU device", "library", "program"}[static_cast<size_t>(layer)];
}

std::string_view name_of(Surety surety) {
  return std::array<std::string_view, 3>{"proven", "likely", "possible"}[static_cast<size_t>(surety)];
}

}  // namespace outboard::doctor
