// The report for machines: one JSON object, whose form is report/schema.json. Fields are added, never changed.
#include <nlohmann/json.hpp>

#include "doctor/cause.h"
#include "doctor/report/report.h"

namespace outboard::doctor {

namespace {

using nlohmann::ordered_json;

constexpr int schema_version = 1;

const char* name_of(Works works) { return works == Works::yes ? "yes" : works == Works::no ? "no" : "unknown"; }

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
  ordered_json object = {{"key", item.key}, {"value", item.value}};
  if (!item.expected.empty()) object["expected"] = item.expected;
  return object;
}

// A step is safe when pasting it cannot lose anything: it needs no rights and restarts nothing.
ordered_json step(const Step& step) {
  ordered_json object = {{"say", step.say}};
  if (!step.run.empty()) object["cmd"] = step.run;
  object["side"] = step.side;
  object["needs"] = step.needs;
  object["safe"] = step.needs.empty();
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
  for (const Step& each : text.fix) object["fix"].push_back(step(each));
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
  report["api"] = {{"wanted", diagnosis.want}, {"works", name_of(diagnosis.state)}};
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
