// What holds for every fixture: traps add nothing, facts that say nothing change nothing, no bytes do harm.
#include <random>

#include "tests/doctor/fixtures.h"

namespace outboard::doctor {
namespace {

std::vector<json> fixtures() {
  std::vector<json> all;
  for (const json& part : {catalogue(), variants()})
    for (const json& fixture : part["fixtures"]) all.push_back(fixture);
  return all;
}

TEST(Properties, a_trap_never_adds_a_finding) {
  // Only traps that add facts are tried, on the bases they are of; some are traps on a healthy machine alone.
  for (const json& part : {catalogue(), variants()})
    for (const json& trap : part["traps"]) {
      for (const json& fixture : fixtures()) {
        if (fixture["base"] != trap["base"]) continue;
        Facts facts = facts_of(fixture);
        auto before = ids(diagnose(facts));
        bool touches = false;  // the cause lies in a fact that the trap replaces
        for (const auto& [key, unused] : trap["set"].items())
          touches = touches || fixture["set"].contains(key) || key == "f:/proc/version" || key == "w:CurrentBuild";
        if (touches || !trap["remove"].empty() || trap.contains("alone")) continue;
        change(facts, trap);
        for (const std::string& id : ids(diagnose(facts)))
          EXPECT_TRUE(std::find(before.begin(), before.end(), id) != before.end())
              << trap["id"] << " on " << fixture["id"] << " adds " << id;
      }
    }
}

TEST(Properties, an_old_fault_explains_nothing_while_the_device_answers) {
  for (const json& fixture : fixtures()) {
    Facts facts = facts_of(fixture);
    if (fixture["base"] != "LINUX-NV" || fixture["set"].contains("k:dmesg") || facts.text("p:nvml.init") != "0" ||
        facts.text("p:nvml.count") != "1" || facts.text("p:cuda.cuInit") == "999")
      continue;
    std::string before = joined(ids(diagnose(facts)));
    facts.set(
        "k:dmesg",
        "NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.\nNVRM: GPU 0000:01:00.0: RmInitAdapter failed!");
    EXPECT_EQ(joined(ids(diagnose(facts))), before) << fixture["id"];
  }
}

TEST(Properties, facts_that_say_nothing_change_nothing) {
  const char* irrelevant[] = {"w:UBR",
                              "w:DisplayVersion",
                              "w:gpu.status",
                              "p:nvml.persistence",
                              "p:vk.*",
                              "p:gl.renderer",
                              "f:/sys/module/nvidia_drm/*",
                              "f:/etc/os-release",
                              "e:DISPLAY",
                              "f:/usr/lib/wsl/lib/libd3d12.so"};
  for (const json& fixture : fixtures()) {
    if (fixture["set"].value("p:want", "cuda") != "cuda") continue;
    Facts facts = facts_of(fixture);
    std::string before = joined(ids(diagnose(facts)));
    for (const char* pattern : irrelevant) {
      bool asked = false;  // the fixture is about this fact
      for (const auto& [key, unused] : fixture["set"].items()) asked = asked || matches(key, pattern);
      if (asked) continue;
      Facts fewer = facts;
      fewer.remove(pattern);
      EXPECT_EQ(joined(ids(diagnose(fewer))), before) << fixture["id"] << " without " << pattern;
    }
    facts.set("c:uptime", "up 3 days");
    facts.set("e:EDITOR", "vi");
    facts.set("f:/etc/hostname", "box");
    facts.set("n:/dev/video0", "c 81:0 0660 root:video open=ok");
    EXPECT_EQ(joined(ids(diagnose(facts))), before) << fixture["id"];
  }
}

TEST(Properties, unknown_windows_facts_are_not_guessed) {
  for (const json& fixture : fixtures()) {
    if (fixture["base"] != "WSL2") continue;
    Facts facts = facts_of(fixture);
    facts.remove("w:*");
    facts.set_unknown("w:*", "interop is off");
    for (const Finding& finding : diagnose(facts).findings)
      for (const Evidence& evidence : finding.evidence) EXPECT_FALSE(evidence.key.starts_with("w:"));
    bool said = false;
    for (const NotChecked& item : diagnose(facts).not_checked) said = said || item.what == "w:*";
    EXPECT_TRUE(said);
  }
}

// Every fact in turn becomes garbage: no crash, no hang, no exception.
TEST(Properties, garbage_in_any_fact_is_survived) {
  std::mt19937 random(1);
  std::vector<std::string> garbage = {"",
                                      std::string(1, '\0'),
                                      std::string(3000, '9'),
                                      "[wsl2\n=\n[",
                                      "c : 9999999999999999999 x",
                                      "ELF",
                                      "\xff\xfe\xfd",
                                      "-1,,;|",
                                      "1.2.3.4.5.6.7.8.9.99999999999999999999",
                                      std::string(200000, 'a')};
  std::string bytes(4096, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  garbage.push_back(bytes);
  for (const auto& [name, facts] : catalogue()["bases"].items())
    for (const auto& [key, unused] : facts.items()) {
      Facts damaged = base(name);
      damaged.set(key, garbage[random() % garbage.size()]);
      damaged.set("p:want", (random() & 1) ? "vulkan" : "cuda");
      Diagnosis diagnosis = diagnose(damaged);
      EXPECT_LE(diagnosis.findings.size(), all_checks().size());
    }
}

}  // namespace
}  // namespace outboard::doctor
