// The order of the ways out.
#include "doctor/advice.h"

#include "tests/doctor/fixtures.h"

namespace outboard::doctor {
namespace {

std::vector<Way> ways(const std::string& id, const Means& means, const Needs& needs = {}) {
  for (const json& part : {catalogue(), variants()})
    for (const json& fixture : part["fixtures"])
      if (fixture["id"] == id) return advise(diagnose(facts_of(fixture)), means, needs);
  return {};
}

std::string codes(const std::vector<Way>& list) {
  std::string text;
  for (const Way& way : list) text += way.code + (way.ready ? "! " : " ");
  return text;
}

TEST(Advice, the_cause_decides) {
  EXPECT_EQ(codes(ways("WSL-02", {})), "FIX! HOST LAN RUN CPU! ");
  EXPECT_EQ(codes(ways("WSL-03", {})), "HOST LAN RUN CPU! ");
  EXPECT_EQ(codes(ways("NV-01", {})), "LAN RUN CPU! ");
  EXPECT_EQ(codes(ways("WSL-26", {})), "LAN RUN DESK CPU! ");
}

TEST(Advice, servers_that_answer_are_named) {
  Means means;
  means.servers = {{"unix:/run/a", "NVIDIA RTX 3070", 2, true, false}, {"tcp:far:1", "NVIDIA L40S", 30, false, false}};
  auto list = ways("WSL-02", means);
  EXPECT_EQ(codes(list), "FIX! HOST! LAN! RUN CPU! ");
  EXPECT_EQ(list[1].command, "outboard run --on unix:/run/a -- <program>");
  EXPECT_NE(list[2].reason.find("30 ms"), std::string::npos);
}

TEST(Advice, a_software_server_is_no_gpu) {
  Means means;
  means.servers = {{"unix:/run/a", "Outboard software GPU", 2, true, true}, {"tcp:gone:1", "", 0, false, false}};
  EXPECT_EQ(codes(ways("WSL-02", means)), "FIX! HOST LAN RUN CPU! ");
}

TEST(Advice, what_the_program_needs) {
  EXPECT_EQ(codes(ways("WSL-02", {}, {false, true})), "FIX! RUN HOST LAN ");
  EXPECT_EQ(codes(ways("LIB-20", {}, {true, false})), "FIX! DESK ");
}

TEST(Advice, nothing_where_all_is_well) { EXPECT_TRUE(advise(diagnose(base("LINUX-NV")), {}, {}).empty()); }

}  // namespace
}  // namespace outboard::doctor
