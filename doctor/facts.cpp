// Facts as a map, and patterns over its keys.
#include "doctor/facts.h"

namespace outboard::doctor {

bool matches(std::string_view text, std::string_view pattern) {
  size_t at = 0, from = 0;
  size_t star = std::string_view::npos, resume = 0;
  while (at < text.size()) {
    if (from < pattern.size() && pattern[from] == '*') {
      star = from++;
      resume = at;
    } else if (from < pattern.size() && (pattern[from] == '?' || pattern[from] == text[at])) {
      ++from;
      ++at;
    } else if (star != std::string_view::npos) {
      from = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (from < pattern.size() && pattern[from] == '*') ++from;
  return from == pattern.size();
}

void Facts::set(std::string_view key, std::string_view text) {
  if (auto found = unknown_.find(key); found != unknown_.end()) unknown_.erase(found);
  known_.insert_or_assign(std::string(key), std::string(text));
}

void Facts::set_unknown(std::string_view key, std::string_view reason) {
  if (auto found = known_.find(key); found != known_.end()) known_.erase(found);
  unknown_.insert_or_assign(std::string(key), std::string(reason));
}

void Facts::remove(std::string_view pattern) {
  std::erase_if(known_, [&](const auto& fact) { return matches(fact.first, pattern); });
  std::erase_if(unknown_, [&](const auto& fact) { return matches(fact.first, pattern); });
}

const std::string* Facts::find(std::string_view key) const {
  auto found = known_.find(key);
  return found == known_.end() ? nullptr : &found->second;
}

std::string Facts::text(std::string_view key, std::string_view otherwise) const {
  const std::string* found = find(key);
  return found ? *found : std::string(otherwise);
}

const std::string* Facts::why_unknown(std::string_view key) const {
  if (has(key)) return nullptr;
  for (const auto& [pattern, reason] : unknown_)
    if (matches(key, pattern)) return &reason;
  return nullptr;
}

std::vector<std::string> Facts::matching(std::string_view pattern) const {
  // The text before the first wildcard bounds the part of the map that can match.
  std::string_view prefix = pattern.substr(0, pattern.find_first_of("*?"));
  std::vector<std::string> keys;
  for (auto fact = known_.lower_bound(prefix); fact != known_.end() && fact->first.starts_with(prefix); ++fact)
    if (matches(fact->first, pattern)) keys.push_back(fact->first);
  return keys;
}

bool Facts::any(std::string_view pattern) const {
  std::string_view prefix = pattern.substr(0, pattern.find_first_of("*?"));
  for (auto fact = known_.lower_bound(prefix); fact != known_.end() && fact->first.starts_with(prefix); ++fact)
    if (matches(fact->first, pattern)) return true;
  return false;
}

}  // namespace outboard::doctor
