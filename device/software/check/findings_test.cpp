// Each thing once, with how often; names of checks.
#include "device/software/check/findings.h"

#include <gtest/gtest.h>

#include "api/checks.h"

namespace {

using software::Findings;

TEST(findings, are_told_once) {
  Findings findings;
  int asked = 0;
  auto describe = [&] {
    ++asked;
    return std::vector<std::string>{"Something", "at line 1", "thread " + std::to_string(asked)};
  };
  for (int i = 0; i < 3; ++i) findings.add(0x1000, 1, describe);
  findings.add(0x2000, 1, describe);  // the same line at another place of the machine code
  testing::internal::CaptureStderr();
  findings.print();
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "========= Something\n=========     at line 1\n=========     thread 1\n=========     4 times so "
            "far\n=========\n");
  EXPECT_EQ(asked, 2);
  findings.add(0x1000, 1, describe);
  testing::internal::CaptureStderr();
  findings.print();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(findings.count(), 1u);
}

TEST(findings, are_counted_when_there_are_too_many_to_print) {
  Findings findings;
  for (int i = 0; i < 150; ++i) findings.add({"Thing " + std::to_string(i), "somewhere"});
  testing::internal::CaptureStderr();
  findings.print();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("Thing 99\n"), std::string::npos);
  EXPECT_EQ(text.find("Thing 100\n"), std::string::npos);
  EXPECT_NE(text.find("not shown"), std::string::npos);
  EXPECT_EQ(findings.count(), 150u);
}

TEST(findings, checks_have_names) {
  auto all = api::parse_checks("all");
  EXPECT_TRUE(all->memory && all->races && all->init && !all->leaks);
  auto two = api::parse_checks("memcheck,init");
  EXPECT_TRUE(two->memory && two->init && !two->races);
  EXPECT_TRUE(api::parse_checks("leaks")->any());
  for (const char* wrong : {"", "memory,", ",races", "everything", "memory races"})
    EXPECT_FALSE(api::parse_checks(wrong)) << wrong;
}

}  // namespace
