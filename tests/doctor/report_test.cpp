// The reports: their form, their evidence, what they never suggest, and a few of them word for word.
#include <cstdlib>

#include "doctor/cause.h"
#include "doctor/report/report.h"
#include "tests/doctor/fixtures.h"
#include "tests/doctor/schema.h"

namespace outboard::doctor {
namespace {

std::vector<json> all_fixtures() {
  std::vector<json> all;
  for (const json& part : {catalogue(), variants()})
    for (const char* list : {"fixtures", "traps", "multi"})
      for (const json& fixture : part[list]) all.push_back(fixture);
  return all;
}

std::vector<Way> ways_of(const Diagnosis& diagnosis, const Facts& facts) {
  return advise(diagnosis, Means{}, needs_in(facts));
}

TEST(Report, for_machines_has_the_form_of_the_schema) {
  std::ifstream file(SCHEMA);
  json schema = json::parse(file);
  for (const json& fixture : all_fixtures()) {
    Facts facts = facts_of(fixture);
    Diagnosis diagnosis = diagnose(facts);
    json report = json::parse(report_for_machines(diagnosis, ways_of(diagnosis, facts)));
    EXPECT_EQ(against(report, schema, schema), "") << fixture["id"];
  }
}

// What is printed as seen is in the snapshot, to the letter.
TEST(Report, evidence_is_in_the_snapshot) {
  for (const json& fixture : all_fixtures()) {
    Facts facts = facts_of(fixture);
    for (const Finding& finding : diagnose(facts).findings) {
      EXPECT_FALSE(finding.evidence.empty() && finding.missing.empty()) << finding.check->id << " shows nothing";
      for (const Evidence& evidence : finding.evidence) {
        const std::string* fact = facts.find(evidence.key);
        ASSERT_TRUE(fact) << evidence.key << " in " << fixture["id"];
        EXPECT_TRUE(contains(*fact, evidence.value)) << evidence.key << ": " << evidence.value;
      }
    }
  }
}

TEST(Report, lines_fit_but_for_commands) {
  for (const json& fixture : all_fixtures()) {
    Facts facts = facts_of(fixture);
    Diagnosis diagnosis = diagnose(facts);
    for (bool all : {false, true}) {
      std::istringstream text(report_for_people(diagnosis, ways_of(diagnosis, facts), Style{false, all, 80}));
      for (std::string line; std::getline(text, line);) {
        bool command = line.starts_with("       ");
        bool one_word = line.find(' ', line.find_first_not_of(' ')) == std::string::npos;
        EXPECT_TRUE(line.size() <= 80 || command || one_word) << line;
      }
    }
  }
}

TEST(Report, a_snapshot_cannot_steer_the_terminal) {
  Facts facts = base("WSL2");
  facts.set("w:CurrentBuild", "19041");
  facts.set("w:DisplayVersion",
            "\033]0;owned\007\xC2\x9B"
            "31m\r\n");
  facts.set("p:cuda.cuInit", "100");
  Diagnosis diagnosis = diagnose(facts);
  std::string text = report_for_people(diagnosis, {}, Style{});
  for (unsigned char c : text) EXPECT_TRUE(c >= 0x20 || c == '\n');
  EXPECT_EQ(text.find("\xC2\x9B"), std::string::npos);
  EXPECT_NE(text.find("owned"), std::string::npos);
}

TEST(Report, colour_and_symbols_only_where_asked) {
  Diagnosis diagnosis = diagnose(base("LINUX-NV"));
  EXPECT_EQ(report_for_people(diagnosis, {}, Style{}).find('\033'), std::string::npos);
  EXPECT_NE(report_for_people(diagnosis, {}, Style{true, false, 80}).find('\033'), std::string::npos);
}

TEST(Report, never_suggests) {
  for (const auto& [id, cause] : causes())
    for (const Step& step : cause.fix)
      for (const char* never : {"777", "--privileged", "DISABLE_REQUIRE", "apparmor=unconfined", "label=disable",
                                "setenforce 0", "disable Secure Boot", "mokutil --disable"})
        EXPECT_FALSE(contains_any_case(step.say + step.run, never)) << id << " says " << never;
  // No Linux driver in WSL.
  for (const auto& [id, cause] : causes()) {
    if (!id.starts_with("WSL-")) continue;
    for (const Step& step : cause.fix) EXPECT_FALSE(contains(step.run, "install nvidia-driver")) << id;
  }
}

TEST(Report, nothing_matches_nothing_is_guessed) {
  Facts facts = base("LINUX-NV");
  facts.set("p:cuda.cuInit", "718");
  Diagnosis diagnosis = diagnose(facts);
  EXPECT_EQ(diagnosis.verdict, Verdict::unexplained);
  std::string text = report_for_people(diagnosis, {}, Style{});
  EXPECT_NE(text.find("no known cause"), std::string::npos);
  EXPECT_NE(text.find("718"), std::string::npos);
}

TEST(Report, causes_of_one_rank_are_told_apart) {
  Facts facts = base("WSL2");
  change(facts, {{"set", {{"w:gpu.problem", "22, 43"}, {"w:gpu.vendor", "10DE, 10DE"}, {"p:cuda.cuInit", "100"}}}});
  Diagnosis diagnosis = diagnose(facts);
  ASSERT_EQ(joined(ids(diagnosis)), "WSL-13 WSL-14 ");
  EXPECT_EQ(diagnosis.equals.size(), 1u);
  EXPECT_NE(report_for_people(diagnosis, {}, Style{}).find("tells them apart"), std::string::npos);
}

TEST(Report, only_the_checks_that_were_named) {
  Facts facts = facts_of(catalogue()["multi"][0]);
  EXPECT_EQ(joined(ids(diagnose(facts, {"WSL-17"}))), "WSL-17 ");
}

// With GOLDEN_WRITE set the files are written anew; look at them before they are committed.
TEST(Report, golden) {
  for (const char* id : {"WSL-02", "WSL-17", "DOCK-01", "NV-08", "NV-29", "LIB-13", "WSL-21", "MULTI-01", "TRAP-11"}) {
    for (const json& fixture : all_fixtures()) {
      if (fixture["id"] != id || !fixture.contains("base")) continue;
      Facts facts = facts_of(fixture);
      Diagnosis diagnosis = diagnose(facts);
      std::string text = report_for_people(diagnosis, ways_of(diagnosis, facts), Style{});
      std::string path = std::string(FIXTURES) + "/reports/" + id + ".txt";
      if (std::getenv("GOLDEN_WRITE")) std::ofstream(path) << text;
      std::ifstream file(path);
      std::string golden((std::istreambuf_iterator<char>(file)), {});
      EXPECT_EQ(text, golden) << id;
      break;
    }
  }
}

}  // namespace
}  // namespace outboard::doctor
