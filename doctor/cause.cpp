// Reads the texts of the causes, which are part of the program.
#include "doctor/cause.h"

#include <nlohmann/json.hpp>

#include "doctor/causes_text.h"
#include "doctor/registry.h"

namespace outboard::doctor {

namespace {

using nlohmann::json;

Surety surety_named(const std::string& name) {
  return name == "proven" ? Surety::proven : name == "likely" ? Surety::likely : Surety::possible;
}

std::vector<std::string> strings(const json& record, const char* name) {
  return record.contains(name) ? record.at(name).get<std::vector<std::string>>() : std::vector<std::string>();
}

Step step_from(const json& record) {
  Step step;
  step.say = record.value("say", "");
  step.run = record.value("run", "");
  step.setting = record.value("setting", "");
  if (const RegistryValue* value = registry_value(step.setting)) step.run = as_line(set_words(*value));
  step.side = record.value("side", "linux");
  step.needs = strings(record, "needs");
  return step;
}

Cause cause_from(const json& record) {
  Cause cause;
  cause.id = record.at("id");
  cause.title = record.at("title");
  cause.where = record.at("where");
  cause.apis = record.at("apis");
  cause.explanation = record.at("explanation");
  cause.surety = surety_named(record.at("surety"));
  cause.symptoms = strings(record, "symptoms");
  cause.evidence = strings(record, "evidence");
  cause.messages = strings(record, "messages");
  cause.neighbours = record.value("neighbours", std::map<std::string, std::string>());
  for (const json& step : record.at("fix")) cause.fix.push_back(step_from(step));
  cause.remedies = strings(record, "remedies");
  cause.sources = strings(record, "sources");
  return cause;
}

}  // namespace

const std::map<std::string, Cause, std::less<>>& causes() {
  static const auto all = [] {
    std::map<std::string, Cause, std::less<>> map;
    for (std::string_view file : causes_text)
      for (const json& record : json::parse(file)) map.emplace(record.at("id"), cause_from(record));
    return map;
  }();
  return all;
}

const Cause& cause(std::string_view id) {
  static const Cause none;
  auto found = causes().find(id);
  return found == causes().end() ? none : found->second;
}

}  // namespace outboard::doctor
