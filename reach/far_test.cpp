#include "reach/far.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "reach/child.h"

namespace {

reach::Mark read(const std::string& text) {
  reach::Mark mark;
  for (char each : text) mark.take(each);
  return mark;
}

TEST(Mark, IsFoundBehindWhateverALoginShellSays) {
  EXPECT_TRUE(read("Welcome!\r\n\nno newline at the end\noutboard-far-side ready\n").is("ready"));
  EXPECT_TRUE(read("outboard-far-side ready\r\n").is("ready"));
  EXPECT_EQ(read("outboard-far-side missing Linux x86_64 glibc 2.36\n").machine(), "Linux x86_64 glibc 2.36");
  EXPECT_EQ(read("outboard-far-side read").state(), reach::Mark::State::searching);
  EXPECT_EQ(read("echo outboard-far-side ready\n").state(), reach::Mark::State::searching)
      << "only a whole line counts";
  EXPECT_EQ(read(std::string(2 << 20, 'x')).state(), reach::Mark::State::lost);
}

TEST(Mark, TakesNothingThatComesAfterIt) {
  reach::Mark mark;
  const std::string text = "outboard-far-side ready\nOUTBOARD";
  size_t taken = 0;
  while (taken < text.size() && mark.take(text[taken++]) == reach::Mark::State::searching) {
  }
  EXPECT_EQ(text.substr(taken), "OUTBOARD");
}

TEST(FarScript, IsOneLineThatAnyShellPassesOn) {
  for (const reach::FarCommand& command :
       {reach::FarCommand{"serve --stdio"}, reach::FarCommand{"place keep \"/tmp/x\" 8", "/opt/a b/outboard"},
        reach::FarCommand{"serve", {}, true, true}}) {
    const std::string script = reach::far_script(command);
    EXPECT_EQ(script.find_first_of("'\n!"), script.npos) << script;
  }
}

TEST(FarScript, SaysWhatTheMachineIsWhereThereIsNoOutboard) {
  setenv("HOME", "/nonexistent", 1);
  setenv("XDG_CACHE_HOME", "/nonexistent", 1);
  for (const char* shell : {"sh", "bash"}) {
    auto said = reach::ask({shell, "-c", reach::for_any_shell(reach::far_script({"serve", {}, true, true}))}, 10);
    ASSERT_TRUE(said.ok()) << said.error();
    EXPECT_EQ(said.value().code, 127);
    EXPECT_TRUE(read(said.value().out).machine().starts_with("Linux x86_64")) << said.value().out;
  }
}

TEST(FarScript, TakesTheVeryProgramThatIsThereToo) {
  auto said =
      reach::ask({"sh", "-c", reach::far_script({"\"and its words\" $((1 + 1))", "/bin/echo", true, false, true})}, 10);
  ASSERT_TRUE(said.ok()) << said.error();
  EXPECT_EQ(said.value().out, "\noutboard-far-side ready\nand its words 2\n");
}

TEST(Ask, EndsWhatTakesTooLong) {
  auto said = reach::ask({"sleep", "100"}, 1);
  ASSERT_FALSE(said.ok());
  EXPECT_NE(said.error().find("did not answer within 1 s"), std::string::npos);
  EXPECT_NE(reach::ask({"/nonexistent/program"}, 1).error().find("is it installed?"), std::string::npos);
}

TEST(Ask, TellsSignalsAsAShellDoes) { EXPECT_EQ(reach::ask({"sh", "-c", "kill -9 $$"}, 5).value().code, 137); }

}  // namespace
