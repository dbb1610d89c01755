// What is called to show a desktop, in every kind of surroundings.
#include "desktop/open/viewer.h"

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace desktop;
using Words = std::vector<std::string>;

Surroundings with(bool wsl, bool display, std::set<std::string> programs) {
  return {wsl, display, [programs](const std::string& name) { return programs.contains(name) ? "/bin/" + name : ""; }};
}

const Door door{40000, "viewer", "se cret", "aa:bb", "t0ken", "1280x720"};

TEST(Viewer, auto_takes_the_best_at_hand) {
  auto name = [](const Surroundings& here) { return choose_viewer("auto", here).value().name; };
  EXPECT_EQ(name(with(true, true, {"mstsc.exe", "xfreerdp"})), "mstsc.exe");
  EXPECT_EQ(name(with(true, true, {"xfreerdp", "remmina"})), "xfreerdp");
  EXPECT_EQ(name(with(false, true, {"mstsc.exe", "xfreerdp", "xfreerdp3"})), "xfreerdp3");
  EXPECT_EQ(name(with(false, true, {"remmina"})), "remmina");
  EXPECT_EQ(name(with(false, false, {"xfreerdp"})), "web");
  EXPECT_EQ(name(with(false, true, {})), "web");
}

TEST(Viewer, what_was_asked_for_or_a_sentence) {
  EXPECT_EQ(choose_viewer("web", with(true, true, {"mstsc.exe"})).value().kind, ViewerKind::web);
  EXPECT_NE(choose_viewer("mstsc", with(false, true, {"mstsc.exe"})).error().find("WSL"), std::string::npos);
  EXPECT_NE(choose_viewer("xfreerdp", with(false, false, {"xfreerdp"})).error().find("display"), std::string::npos);
  EXPECT_NE(choose_viewer("remmina", with(false, true, {})).error().find("no remmina"), std::string::npos);
  EXPECT_NE(choose_viewer("vnc", with(false, true, {})).error().find("no client 'vnc'"), std::string::npos);
}

TEST(Viewer, mstsc_without_a_file) {
  Surroundings here = with(true, false, {"mstsc.exe", "cmdkey.exe"});
  Call call = call_of(choose_viewer("auto", here).value(), door, here);
  EXPECT_EQ(call.words, (Words{"/bin/mstsc.exe", "/v:127.0.0.1:40000", "/w:1280", "/h:720"}));
  EXPECT_EQ(call.before, (Words{"/bin/cmdkey.exe", "/generic:TERMSRV/127.0.0.1", "/user:viewer", "/pass:se cret"}));
  EXPECT_EQ(call.after, (Words{"/bin/cmdkey.exe", "/delete:TERMSRV/127.0.0.1"}));
  for (const std::string& word : call.words) EXPECT_EQ(word.find(".rdp"), std::string::npos);
}

TEST(Viewer, xfreerdp_gets_the_password_by_its_input_and_pins_the_certificate) {
  Surroundings here = with(false, true, {"xfreerdp"});
  Call call = call_of(choose_viewer("auto", here).value(), door, here);
  EXPECT_EQ(call.input, "se cret\n");
  bool pinned = false;
  for (const std::string& word : call.words) {
    EXPECT_EQ(word.find("se cret"), std::string::npos);
    pinned |= word == "/cert:fingerprint:sha256:aa:bb";
  }
  EXPECT_TRUE(pinned);
}

TEST(Viewer, the_page_is_named_and_opened_where_there_is_a_display) {
  Surroundings dark = with(false, false, {"xdg-open"}), lit = with(false, true, {"xdg-open"});
  Call call = call_of(choose_viewer("web", dark).value(), door, dark);
  EXPECT_TRUE(call.words.empty());
  EXPECT_NE(call.say.find("http://127.0.0.1:40000/#t0ken"), std::string::npos);
  call = call_of(choose_viewer("web", lit).value(), door, lit);
  EXPECT_EQ(call.words, (Words{"/bin/xdg-open", "http://127.0.0.1:40000/#t0ken"}));
}

}  // namespace
