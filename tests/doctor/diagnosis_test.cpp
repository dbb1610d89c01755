// Every fixture gives its cause, every healthy machine and every trap gives none.
#include <algorithm>

#include "doctor/cause.h"
#include "tests/doctor/fixtures.h"

namespace outboard::doctor {
namespace {

void expect_findings(const json& fixture) {
  SCOPED_TRACE(fixture["id"].get<std::string>());
  Diagnosis diagnosis = diagnose(facts_of(fixture));
  auto found = ids(diagnosis), wanted = expected(fixture);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0], wanted[0]) << joined(found);
  std::sort(found.begin(), found.end());
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(joined(found), joined(wanted));
}

TEST(Diagnosis, healthy_machines) {
  for (const auto& [name, unused] : catalogue()["bases"].items()) {
    SCOPED_TRACE(name);
    Diagnosis diagnosis = diagnose(base(name));
    EXPECT_EQ(joined(ids(diagnosis)), "");
    EXPECT_EQ(diagnosis.verdict, Verdict::works);
  }
}

TEST(Diagnosis, fixtures) {
  for (const json& fixture : catalogue()["fixtures"]) expect_findings(fixture);
}

TEST(Diagnosis, variants_with_other_constants) {
  std::set<std::string> shown;
  for (const json& fixture : variants()["fixtures"]) {
    expect_findings(fixture);
    shown.insert(fixture["id"].get<std::string>());
  }
  for (const auto& [id, cause] : causes()) EXPECT_TRUE(shown.contains(id)) << id << " has no variant";
}

TEST(Diagnosis, traps) {
  std::vector<json> traps = catalogue()["traps"];
  for (const json& trap : variants()["traps"]) traps.push_back(trap);
  for (const json& trap : traps) {
    SCOPED_TRACE(trap["id"].get<std::string>());
    Diagnosis diagnosis = diagnose(facts_of(trap));
    EXPECT_EQ(joined(ids(diagnosis)), "");
    EXPECT_EQ(diagnosis.verdict, Verdict::works);
  }
}

TEST(Diagnosis, several_causes_in_order) {
  std::vector<json> fixtures = catalogue()["multi"];
  for (const json& fixture : variants()["multi"]) fixtures.push_back(fixture);
  for (const json& fixture : fixtures) {
    SCOPED_TRACE(fixture["id"].get<std::string>());
    EXPECT_EQ(joined(ids(diagnose(facts_of(fixture)))), joined(expected(fixture)));
  }
}

TEST(Diagnosis, severity_decides_the_exit_code) {
  std::vector<json> fixtures = catalogue()["fixtures"];
  for (const json& fixture : variants()["fixtures"]) fixtures.push_back(fixture);
  for (const json& fixture : fixtures) {
    SCOPED_TRACE(fixture["id"].get<std::string>());
    std::string severity = fixture["expect"].value("severity", "blocked");
    Verdict verdict = severity == "blocked"   ? Verdict::blocked
                      : severity == "limited" ? Verdict::limited
                                              : Verdict::works;
    EXPECT_EQ(diagnose(facts_of(fixture)).verdict, verdict);
  }
}

TEST(Causes, every_check_has_its_text_and_every_text_its_check) {
  EXPECT_EQ(all_checks().size(), causes().size());
  for (const Check& check : all_checks()) {
    SCOPED_TRACE(std::string(check.id));
    EXPECT_FALSE(cause(check.id).title.empty());
    EXPECT_FALSE(cause(check.id).explanation.empty());
    EXPECT_FALSE(cause(check.id).fix.empty());
  }
}

}  // namespace
}  // namespace outboard::doctor
