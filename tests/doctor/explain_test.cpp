// From pasted texts to causes, and back.
#include "doctor/explain.h"

#include "doctor/cause.h"
#include "tests/doctor/fixtures.h"

namespace outboard::doctor {
namespace {

std::string first(const std::string& text) {
  auto list = suspects(text);
  return list.empty() ? "" : list[0].id;
}

TEST(Explain, pasted_errors) {
  EXPECT_EQ(first("Failed to initialize NVML: GPU access blocked by the operating system"), "WSL-02");
  EXPECT_EQ(
      first("docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]]."),
      "DOCK-02");
  EXPECT_EQ(first("Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 570.133"),
            "NV-08");
  EXPECT_EQ(first("RuntimeError: CUDA error: no kernel image is available for execution on the device"), "APP-06");
  EXPECT_EQ(first("AssertionError: Torch not compiled with CUDA enabled"), "APP-07");
  EXPECT_EQ(first("Error code: Wsl/Service/CreateInstance/CreateVm/ConfigureGpu/HCS/ERROR_FILE_NOT_FOUND"), "WSL-24");
  EXPECT_EQ(
      first("NVRM: installed in this system is not supported by open\nNVRM: nvidia.ko because it does not include"),
      "NV-09");
  EXPECT_EQ(first("clGetPlatformIDs failed with -1001"), "WSL-34");
  EXPECT_EQ(first("CUDA error 803"), "NV-08");
  EXPECT_EQ(first("the provided PTX was compiled with an unsupported toolchain."), "APP-05");
  EXPECT_EQ(first("Error: stat nvidia.com/gpu=all: no such file or directory"), "DOCK-21");
  EXPECT_EQ(first("0/3 nodes are available: 3 Insufficient nvidia.com/gpu."), "K8S-02");
}

TEST(Explain, numbers_are_whole) {
  EXPECT_EQ(first("line 3501 error 3500"), "");
  EXPECT_EQ(first("a cake recipe"), "");
  EXPECT_EQ(first(std::string(1 << 20, 'x')), "");
  EXPECT_EQ(first(std::string("\xff\x00\x80", 3)), "");
}

// What the catalogue quotes as an engine's or a kernel's words leads to the cause.
TEST(Explain, each_message_leads_to_its_cause) {
  for (const auto& [id, cause] : causes())
    for (std::string message : cause.messages) {
      for (size_t star = message.find('*'); star != std::string::npos; star = message.find('*', star + 1))
        message.replace(star, 1, " x ");
      bool found = false;
      for (const Suspect& suspect : suspects("prefix: " + message + " and more")) found = found || suspect.id == id;
      EXPECT_TRUE(found) << id << ": " << message;
    }
}

TEST(Explain, one_cause) {
  EXPECT_NE(explain("WSL-02").find("19044"), std::string::npos);
  EXPECT_EQ(explain("WSL-99"), "");
  EXPECT_NE(list_checks().find("DOCK-32"), std::string::npos);
}

}  // namespace
}  // namespace outboard::doctor
