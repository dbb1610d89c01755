// Facts, patterns over their keys, and snapshots that were damaged or made to harm.
#include <gtest/gtest.h>

#include "doctor/facts.h"

namespace outboard::doctor {
namespace {

TEST(Facts, patterns) {
  EXPECT_TRUE(matches("f:/usr/lib/wsl/lib/libcuda.so.1", "f:/usr/lib/wsl/*"));
  EXPECT_TRUE(matches("abc", "a*c"));
  EXPECT_TRUE(matches("abc", "*"));
  EXPECT_TRUE(matches("", "**"));
  EXPECT_FALSE(matches("abc", "a*d"));
  EXPECT_FALSE(matches("abc", "ab"));
  EXPECT_TRUE(matches("aXbXc", "a?b?c"));
}

TEST(Facts, an_unknown_fact_is_not_an_absent_one) {
  Facts facts;
  facts.set_unknown("w:*", "interop is off");
  EXPECT_FALSE(facts.absent("w:UBR"));
  EXPECT_EQ(*facts.why_unknown("w:UBR"), "interop is off");
  facts.set("w:UBR", "1288");
  EXPECT_EQ(facts.why_unknown("w:UBR"), nullptr);
  EXPECT_TRUE(facts.absent("n:/dev/dxg"));
}

TEST(Facts, finds_by_pattern_and_removes) {
  Facts facts;
  for (const char* key : {"f:/a/1", "f:/a/2", "f:/b", "n:/dev/a"}) facts.set(key, "x");
  EXPECT_EQ(facts.matching("f:/a/*"), (std::vector<std::string>{"f:/a/1", "f:/a/2"}));
  EXPECT_TRUE(facts.any("*dev*"));
  facts.remove("f:/a/*");
  EXPECT_FALSE(facts.any("f:/a/*"));
  EXPECT_TRUE(facts.has("f:/b"));
}

TEST(Snapshot, comes_back_as_it_went) {
  Facts facts;
  facts.set("f:/proc/version", "Linux\nversion \"x\"");
  facts.set("f:/empty", "");
  facts.set_unknown("k:dmesg", "not permitted");
  auto again = read_snapshot(write_snapshot(facts));
  ASSERT_TRUE(again);
  EXPECT_EQ(again.value().known(), facts.known());
  EXPECT_EQ(again.value().unknown(), facts.unknown());
}

TEST(Snapshot, plain_values_are_read_as_text) {
  auto facts = read_snapshot(R"({"p:a": 100, "p:b": true, "p:c": ["x", 2], "p:d": null, "p:e": -1, "p:f": 1.5})");
  ASSERT_TRUE(facts) << facts.error();
  EXPECT_EQ(facts.value().text("p:a"), "100");
  EXPECT_EQ(facts.value().text("p:b"), "true");
  EXPECT_EQ(facts.value().text("p:c"), "x\n2");
  EXPECT_TRUE(facts.value().absent("p:d"));
  EXPECT_EQ(facts.value().text("p:e"), "-1");
  EXPECT_EQ(facts.value().text("p:f"), "1.5");
}

TEST(Snapshot, bytes_that_are_no_text_are_written_as_text) {
  Facts facts;
  facts.set("f:/proc/version", std::string("\xff\xfe\0binary", 9));
  EXPECT_TRUE(read_snapshot(write_snapshot(facts)));
}

TEST(Snapshot, damaged_and_hostile_ones_are_refused) {
  EXPECT_FALSE(read_snapshot(""));
  EXPECT_FALSE(read_snapshot("{\"a\": \"b\""));
  EXPECT_FALSE(read_snapshot("{\"a\": {\"b\": \"c\"}}"));
  EXPECT_FALSE(read_snapshot("{\"a\": [[\"b\"]]}"));
  EXPECT_FALSE(read_snapshot("[1]"));
  EXPECT_FALSE(read_snapshot("7"));
  EXPECT_FALSE(read_snapshot("null"));
  EXPECT_FALSE(read_snapshot("{\"a\": \"\xff\"}"));
  EXPECT_FALSE(read_snapshot(std::string(1 << 20, '[')));
  EXPECT_FALSE(read_snapshot("{\"a\":" + std::string(1 << 20, '[')));
  EXPECT_FALSE(read_snapshot(std::string(1000, '\0')));
  EXPECT_FALSE(read_snapshot_file("/nonexistent/snapshot"));
}

}  // namespace
}  // namespace outboard::doctor
