// Mends: shown, made, taken back; in a made root, with commands that only say that they were called.
#include "doctor/mend.h"

#include <filesystem>

#include "tests/doctor/fixtures.h"

namespace outboard::doctor {
namespace {

namespace fs = std::filesystem;

class MendTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "outboard-mend-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    workshop_.root = folder_ + "/root";
    workshop_.home = "/home/ann";
    workshop_.state = folder_ + "/state";
    workshop_.windows_profile = "/mnt/c/Users/ann";
    workshop_.run = [this](const std::vector<std::string>& command) -> base::Status {
      ran_.push_back(joined(command));
      if (command_fails_) return base::Error{"it failed"};
      return base::Done{};
    };
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::optional<Mend> mend_of(const json& fixture) {
    facts_ = facts_of(fixture);
    diagnosis_ = diagnose(facts_);
    return mend_for(diagnosis_.findings.at(0), facts_, workshop_);
  }
  std::optional<Mend> mend(const std::string& id) {
    for (const json& fixture : catalogue()["fixtures"])
      if (fixture["id"] == id) return mend_of(fixture);
    return std::nullopt;
  }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(workshop_.root + path).parent_path());
    std::ofstream(workshop_.root + path) << text;
  }
  std::string get(const std::string& path) {
    std::ifstream file(workshop_.root + path);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }

  std::string folder_;
  Workshop workshop_;
  Facts facts_;
  Diagnosis diagnosis_;
  std::vector<std::string> ran_;
  bool command_fails_ = false;
};

TEST_F(MendTest, tells_the_loader_and_takes_it_back) {
  auto plan = mend("WSL-19");
  ASSERT_TRUE(plan);
  EXPECT_NE(diff(*plan).find("+/usr/lib/wsl/lib"), std::string::npos);
  EXPECT_EQ(get("/etc/ld.so.conf.d/ld.wsl.conf"), "");  // shown only
  ASSERT_TRUE(make(*plan, workshop_));
  EXPECT_EQ(get("/etc/ld.so.conf.d/ld.wsl.conf"), "/usr/lib/wsl/lib\n");
  EXPECT_EQ(joined(ran_), "ldconfig  ");
  ASSERT_TRUE(undo_last(workshop_));
  EXPECT_FALSE(fs::exists(workshop_.root + "/etc/ld.so.conf.d/ld.wsl.conf"));
  EXPECT_FALSE(undo_last(workshop_));
}

TEST_F(MendTest, removes_one_line_of_wslconfig) {
  put("/mnt/c/Users/ann/.wslconfig", "[wsl2]\nmemory=8GB\nGpuSupport = false\n");
  auto plan = mend("WSL-06");
  ASSERT_TRUE(plan);
  EXPECT_EQ(diff(*plan).find("memory"), std::string::npos);
  EXPECT_NE(diff(*plan).find("-GpuSupport = false"), std::string::npos);
  ASSERT_TRUE(make(*plan, workshop_));
  EXPECT_EQ(get("/mnt/c/Users/ann/.wslconfig"), "[wsl2]\nmemory=8GB\n");
  ASSERT_TRUE(undo_last(workshop_));
  EXPECT_EQ(get("/mnt/c/Users/ann/.wslconfig"), "[wsl2]\nmemory=8GB\nGpuSupport = false\n");
}

TEST_F(MendTest, links_nvidia_smi) {
  auto plan = mend("WSL-21");
  ASSERT_TRUE(plan);
  ASSERT_TRUE(make(*plan, workshop_));
  EXPECT_EQ(fs::read_symlink(workshop_.root + "/usr/local/bin/nvidia-smi"), "/usr/lib/wsl/lib/nvidia-smi");
  ASSERT_TRUE(undo_last(workshop_));
  EXPECT_FALSE(fs::is_symlink(workshop_.root + "/usr/local/bin/nvidia-smi"));
}

TEST_F(MendTest, writes_a_manifest_for_this_user_alone) {
  auto plan = mend("LIB-13");
  ASSERT_TRUE(plan);
  ASSERT_TRUE(make(*plan, workshop_));
  EXPECT_TRUE(json::accept(get("/home/ann/.local/share/vulkan/icd.d/nvidia_icd.json")));
}

TEST_F(MendTest, what_fails_is_taken_back) {
  put("/etc/ld.so.conf.d/ld.wsl.conf", "# mine\n");
  command_fails_ = true;
  auto plan = mend("WSL-19");
  ASSERT_TRUE(plan);
  EXPECT_FALSE(make(*plan, workshop_));
  EXPECT_EQ(get("/etc/ld.so.conf.d/ld.wsl.conf"), "# mine\n");
}

TEST_F(MendTest, the_old_specification_comes_back) {
  put("/etc/cdi/nvidia.yaml", "old");
  auto plan = mend("DOCK-23");
  ASSERT_TRUE(plan);
  workshop_.run = [this](const std::vector<std::string>&) -> base::Status {
    put("/etc/cdi/nvidia.yaml", "new");
    return base::Done{};
  };
  ASSERT_TRUE(make(*plan, workshop_));
  EXPECT_EQ(get("/etc/cdi/nvidia.yaml"), "new");
  ASSERT_TRUE(undo_last(workshop_));
  EXPECT_EQ(get("/etc/cdi/nvidia.yaml"), "old");
}

TEST_F(MendTest, most_causes_are_only_told) {
  for (const char* id : {"WSL-02", "WSL-17", "NV-03", "NV-22", "DOCK-01", "WSL-43"}) EXPECT_FALSE(mend(id)) << id;
}

}  // namespace
}  // namespace outboard::doctor
