// Fixtures: a base snapshot of a healthy machine, and the delta that breaks it.
#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "doctor/diagnosis.h"

namespace outboard::doctor {

using nlohmann::json;

inline json read_json(const std::string& name) {
  std::ifstream file(std::string(FIXTURES) + "/" + name);
  json read = json::parse(file, nullptr, false);
  if (read.is_discarded()) ADD_FAILURE() << name << " cannot be read";
  return read;
}

inline const json& catalogue() {
  static const json fixtures = read_json("catalogue.json");
  return fixtures;
}

// Our own fixtures: the catalogue's causes with other constants, and more machines with nothing wrong.
inline const json& variants() {
  static const json fixtures = read_json("variants.json");
  return fixtures;
}

// Applies the changes of a fixture or a trap.
inline void change(Facts& facts, const json& delta) {
  if (delta.contains("remove"))
    for (const std::string pattern : delta["remove"]) facts.remove(pattern);
  if (delta.contains("set"))
    for (const auto& [key, text] : delta["set"].items()) facts.set(key, text.get<std::string>());
}

inline Facts base(const std::string& name) {
  Facts facts;
  for (const auto& [key, text] : catalogue()["bases"][name].items()) facts.set(key, text.get<std::string>());
  return facts;
}

inline Facts facts_of(const json& fixture) {
  Facts facts = base(fixture["base"]);
  change(facts, fixture);
  return facts;
}

inline std::vector<std::string> ids(const Diagnosis& diagnosis) {
  std::vector<std::string> found;
  for (const Finding& finding : diagnosis.findings) found.emplace_back(finding.check->id);
  return found;
}

// The ids that a fixture expects: the root, and then the others in any order.
inline std::vector<std::string> expected(const json& fixture) {
  const json& expect = fixture["expect"];
  if (expect.is_array()) return expect;
  std::vector<std::string> all = {expect["primary"]};
  if (expect.contains("also"))
    for (const std::string id : expect["also"]) all.push_back(id);
  return all;
}

inline std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& each : list) text += each + " ";
  return text;
}

}  // namespace outboard::doctor
