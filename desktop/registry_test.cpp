// Sessions in their folder: what is written is read, dead ones vanish, strangers' folders are refused.
#include "desktop/registry.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace registry = desktop::registry;
namespace fs = std::filesystem;

class Registry : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/outboard-registry-XXXXXX";
    runtime_ = mkdtemp(name);
    setenv("XDG_RUNTIME_DIR", runtime_.c_str(), 1);
  }
  void TearDown() override { fs::remove_all(runtime_); }
  registry::Entry entry_of(const registry::Place& place) {
    registry::Entry entry;
    entry.id = place.id();
    entry.folder = place.path();
    entry.rdp_port = 3390;
    entry.password = "secret";
    return entry;
  }
  std::string runtime_;
};

TEST_F(Registry, WhatIsWrittenIsRead) {
  auto place = registry::Place::make();
  ASSERT_TRUE(place) << place.error();
  ASSERT_TRUE(place.value().write(entry_of(place.value())));
  struct stat status {};
  ASSERT_EQ(stat((place.value().path() + "/session.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  auto found = registry::find("");
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(found.value().rdp_port, 3390);
  EXPECT_EQ(found.value().password, "secret");
}

TEST_F(Registry, ADeadSessionIsRemoved) {
  std::string path;
  {
    auto place = registry::Place::make();
    ASSERT_TRUE(place);
    ASSERT_TRUE(place.value().write(entry_of(place.value())));
    path = place.value().path();
    fs::copy(path, path + "x");  // what a killed keeper leaves: nobody holds its lock
  }
  EXPECT_FALSE(fs::exists(path));
  auto all = registry::list();
  ASSERT_TRUE(all);
  EXPECT_TRUE(all.value().empty());
  EXPECT_FALSE(fs::exists(path + "x"));
}

TEST_F(Registry, TwoAreAmbiguousAndNoneIsSaid) {
  EXPECT_FALSE(registry::find(""));
  auto one = registry::Place::make(), other = registry::Place::make();
  ASSERT_TRUE(one && other);
  ASSERT_TRUE(one.value().write(entry_of(one.value())));
  ASSERT_TRUE(other.value().write(entry_of(other.value())));
  EXPECT_FALSE(registry::find(""));
  EXPECT_TRUE(registry::find(one.value().id()));
}

TEST_F(Registry, AFolderThatOthersCanReadIsRefused) {
  fs::create_directory(runtime_ + "/outboard");
  chmod((runtime_ + "/outboard").c_str(), 0755);
  auto place = registry::Place::make();
  ASSERT_FALSE(place);
  EXPECT_NE(place.error().find("not a folder of this user alone"), std::string::npos);
}

TEST_F(Registry, NonsenseIsNoSession) {
  EXPECT_FALSE(registry::from_json(""));
  EXPECT_FALSE(registry::from_json("[1]"));
  EXPECT_FALSE(registry::from_json(R"({"id":5})"));
  EXPECT_FALSE(registry::from_json(R"({"rdp_port":"x"})"));
  EXPECT_FALSE(registry::from_json(R"({"rdp_port":1.5})"));
  EXPECT_TRUE(registry::from_json(R"({"id":"abc","later":[1,2]})"));
}
