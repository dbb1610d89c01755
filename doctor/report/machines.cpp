// The report for machines: one JSON object, whose form is report/schema.json. Fields are added, never changed.
#include <map>
#include <nlohmann/json.hpp>

#include "doctor/cause.h"
#include "doctor/report/report.h"

namespace outboard::doctor {

namespace {

using nlohmann::ordered_json;

constexpr int schema_version = 1;

ordered_json number_or_text(const std::string& text) {
  if (auto value = number(text)) return *value;
  return text;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::works: return "works";
    case Verdict::blocked: return "blocked";
    case Verdict::limited: return "limited";
    case Verdict::crashed: return "probe-crashed";
    case Verdict::unexplained: break;
  }
  return "unexplained";
}

ordered_json evidence(const Evidence& item) {
  // `key` is the fact's whole key; `kind` and `path` or `probe` are its halves.
  static const std::map<char, const char*> kinds = {{'f', "file"},    {'n', "node"},    {'e', "environment"},
                                                    {'w', "windows"}, {'p', "probe"},   {'c', "command"},
                                                    {'k', "log"},     {'i', "identity"}};
  auto kind = kinds.find(item.key.empty() ? ' ' : item.key[0]);
  bool path = item.key.starts_with("f:") || item.key.starts_with("n:");
  ordered_json object = {{"key", item.key}, {"kind", kind == kinds.end() ? "other" : kind->second}};
  object[path ? "path" : "probe"] = item.key.size() > 2 ? item.key.substr(2) : item.key;
  object["value"] = item.value;
  if (!item.expected.empty()) object["expected"] = item.expected;
  return object;
}

// A step is safe when it is for this machine, needs no rights and restarts nothing.
ordered_json step(const Step& step, const Finding& found) {
  ordered_json object = {{"say", step.say}};
  if (!step.run.empty()) object["cmd"] = step.run;
  if (std::string undo = undo_of(step, found); !undo.empty()) object["undo"] = undo;
  object["side"] = step.side;
  object["needs"] = step.needs;
  object["safe"] = step.needs.empty() && step.side == "linux";
  return object;
}

ordered_json finding(const Finding& found, const Finding* root) {
  const Cause& text = cause(found.check->id);
  ordered_json object = {{"id", found.check->id}, {"title", text.title}};
  bool info = found.check->severity == Severity::info;
  object["role"] = &found == root ? "root" : info ? "info" : "also";
  object["severity"] = name_of(found.check->severity);
  object["rank"] = found.check->rank;
  object["layer"] = name_of(found.check->layer);
  object["confidence"] = name_of(found.surety);
  object["evidence"] = ordered_json::array();
  for (const Evidence& item : found.evidence) object["evidence"].push_back(evidence(item));
  object["missing"] = found.missing;
  object["explanation"] = text.explanation;
  object["fix"] = ordered_json::array();
  for (const Step& each : text.fix) object["fix"].push_back(step(each, found));
  object["remedies"] = text.remedies;
  object["docs"] = text.sources;
  return object;
}

}  // namespace

std::string report_for_machines(const Diagnosis& diagnosis, const std::vector<Way>& ways) {
  ordered_json report = {{"schema", schema_version}, {"verdict", name_of(diagnosis.verdict)}};
  report["exit"] = static_cast<int>(diagnosis.verdict);
  report["sentence"] = report_in_a_line(diagnosis);
  report["platform"] = {{"layers", diagnosis.layers}};
  report["want"] = diagnosis.want;
  report["api"] = ordered_json::object();
  for (const InterfaceState& state : diagnosis.interfaces) {
    ordered_json& object = report["api"][state.name] = {{"ok", state.works == Works::yes}};
    if (!state.code.empty()) object["code"] = number_or_text(state.code);
    if (!state.device_count.empty()) object["device_count"] = number_or_text(state.device_count);
  }
  report["findings"] = ordered_json::array();
  for (const Finding& found : diagnosis.findings) report["findings"].push_back(finding(found, diagnosis.root()));
  report["ways"] = ordered_json::array();
  for (const Way& way : ways)
    report["ways"].push_back(
        {{"code", way.code}, {"name", way.name}, {"cmd", way.command}, {"reason", way.reason}, {"ready", way.ready}});
  report["not_checked"] = ordered_json::array();
  for (const NotChecked& item : diagnosis.not_checked)
    report["not_checked"].push_back({{"probe", item.what}, {"reason", item.reason}});
  report["traps_ignored"] = ordered_json::array();
  for (const Trap& trap : diagnosis.traps)
    report["traps_ignored"].push_back({{"id", trap.id}, {"key", trap.key}, {"why", trap.why}});
  report["observed"] = ordered_json::array();
  for (const Evidence& item : diagnosis.observed) report["observed"].push_back(evidence(item));
  return report.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace outboard::doctor
