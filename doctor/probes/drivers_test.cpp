// Probes that load a driver, with libraries that work, find nothing, hang, crash, and write where they should not.
#include <filesystem>

#include "doctor/probes/made_root.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

class Drivers : public testing::Test {
 protected:
  void install(const std::string& name) {
    std::filesystem::create_directories(root.real("/usr/lib"));
    std::filesystem::copy_file(FAKE_DRIVER, root.real("/usr/lib/" + name));
  }
  Facts probe(void (*one)(const Place&, Sink&), const char* behaviour, milliseconds limit = milliseconds(5000)) {
    root.place.environment["FAKE"] = behaviour;
    return root.probe(one, keys, limit);
  }
  MadeRoot root;
  std::string keys;
};

TEST_F(Drivers, CudaIsAsked) {
  install("libcuda.so.1");
  Facts facts = probe(probe_cuda, "works");
  EXPECT_EQ(facts.text("p:cuda.cuInit"), "0");
  EXPECT_EQ(facts.text("p:cuda.path"), "/usr/lib/libcuda.so.1");
  EXPECT_EQ(facts.text("p:cuda.driver"), "12080");
  EXPECT_EQ(facts.text("p:cuda.count"), "2");
  EXPECT_EQ(facts.text("p:cuda.cc"), "8.6");
  EXPECT_EQ(facts.text("p:cuda.name"), "NVIDIA Fake 7");
  EXPECT_EQ(facts.text("p:cuda.ctx"), "46");
  EXPECT_TRUE(facts.absent("p:cuda.nocvd"));
}

TEST_F(Drivers, CudaIsNotThere) {
  Facts facts = probe(probe_cuda, "works");
  EXPECT_EQ(facts.text("p:cuda.cuInit"), "dlopen-failed");
  EXPECT_EQ(facts.text("p:cuda.path", "?"), "");
  EXPECT_NE(facts.text("p:dlopen.error").find("libcuda.so.1"), std::string::npos);
  root.write("/usr/lib/libcuda.so.1", "");
  EXPECT_EQ(probe(probe_cuda, "works").text("p:dlopen.error"), "/usr/lib/libcuda.so.1 is empty");
}

TEST_F(Drivers, HiddenDevicesAreSeenWithoutTheVariable) {
  install("libcuda.so.1");
  root.place.environment["CUDA_VISIBLE_DEVICES"] = "-1";
  EXPECT_EQ(probe(probe_cuda, "works").text("p:cuda.cuInit"), "100");
  EXPECT_EQ(probe(probe_cuda_unfiltered, "works").text("p:cuda.nocvd"), "0");
  EXPECT_EQ(probe(probe_cuda_unfiltered, "none").text("p:cuda.nocvd"), "100");
}

TEST_F(Drivers, AHangIsTheFactTimeout) {
  install("libcuda.so.1");
  keys = "p:cuda.*";
  Facts facts = probe(probe_cuda, "hang", milliseconds(200));
  EXPECT_EQ(facts.text("p:cuda.cuInit"), "timeout");
  EXPECT_EQ(facts.text("p:cuda.driver"), "12080");  // what it said before stays
  ASSERT_TRUE(facts.why_unknown("p:cuda.count"));
  EXPECT_NE(facts.why_unknown("p:cuda.count")->find("took longer than 0.2 s"), std::string::npos);
}

TEST_F(Drivers, WhoIsBusyDoesNotHang) {
  install("libcuda.so.1");
  keys = "p:cuda.*";
  EXPECT_TRUE(probe(probe_cuda, "busy", milliseconds(200)).why_unknown("p:cuda.cuInit"));
}

TEST_F(Drivers, ACrashIsUnknown) {
  install("libcuda.so.1");
  keys = "p:cuda.*";
  Facts facts = probe(probe_cuda, "crash");
  ASSERT_TRUE(facts.why_unknown("p:cuda.cuInit"));
  EXPECT_NE(facts.why_unknown("p:cuda.cuInit")->find("the probe 'one' has no answer"), std::string::npos);
  facts = probe(probe_cuda, "late-crash");
  EXPECT_EQ(facts.text("p:cuda.cuInit"), "0");
  EXPECT_TRUE(facts.why_unknown("p:cuda.ctx"));
}

TEST_F(Drivers, NoiseInThePipeIsNotBelieved) {
  install("libcuda.so.1");
  keys = "p:cuda.*";
  Facts facts = probe(probe_cuda, "noise");
  EXPECT_EQ(facts.text("p:cuda.driver"), "12080");
  for (const auto& [key, text] : facts.known()) EXPECT_TRUE(key.starts_with("p:cuda.")) << key;
}

TEST_F(Drivers, NvmlIsAsked) {
  install("libnvidia-ml.so.1");
  Facts facts = probe(probe_nvml, "works");
  EXPECT_EQ(facts.text("p:nvml.init"), "0");
  EXPECT_EQ(facts.text("p:nvml.path"), "/usr/lib/libnvidia-ml.so.1");
  EXPECT_EQ(facts.text("p:nvml.driver"), "570.86.15");
  EXPECT_EQ(facts.text("p:nvml.count"), "2");
  EXPECT_EQ(facts.text("p:nvml.uuids"), "GPU-1\nGPU-2");
  EXPECT_EQ(facts.text("p:nvml.compute_mode"), "Exclusive_Process");
  EXPECT_EQ(facts.text("p:nvml.persistence"), "Disabled");
  EXPECT_EQ(facts.text("p:nvml.mig"), "Enabled instances=2");
  EXPECT_EQ(facts.text("p:nvml.cc"), "9.0");
  EXPECT_EQ(facts.text("p:nvml.mem"), "total=1000 used=10");
  EXPECT_EQ(facts.text("p:nvml.remap"), "pending=yes failure=no");
  EXPECT_EQ(facts.text("p:nvml.fabric"), "In Progress");
  EXPECT_EQ(facts.text("p:cc"), "on ready=no");
  EXPECT_EQ(probe(probe_nvml, "none").text("p:nvml.init"), "9");
  EXPECT_EQ(probe(probe_nvml, "hang", milliseconds(200)).text("p:nvml.init"), "timeout");
}

TEST_F(Drivers, OpenClCountsPlatformsWithAGpu) {
  install("libOpenCL.so.1");
  Facts facts = probe(probe_opencl, "works");
  EXPECT_EQ(facts.text("p:cl.platforms"), "1");
  EXPECT_EQ(facts.text("p:cl.names"), "Fake GPU\nFake CPU (no GPU)");
  facts = probe(probe_opencl, "none");
  EXPECT_EQ(facts.text("p:cl.platforms"), "0");
  EXPECT_EQ(facts.text("p:cl.error"), "-1001");
}

TEST_F(Drivers, VulkanPrefersHardware) {
  install("libvulkan.so.1");
  Facts facts = probe(probe_vulkan, "works");
  EXPECT_EQ(facts.text("p:vk.devices"), "Fake Vulkan GPU");
  EXPECT_EQ(facts.text("p:vk.error"), "loader_scanned_icd_add: Could not get 'vkCreateInstance'");
  facts = probe(probe_vulkan, "none");
  EXPECT_EQ(facts.text("p:vk.devices", "?"), "");
  EXPECT_EQ(facts.text("p:vk.result"), "-9");
}

TEST_F(Drivers, EglLeavesSoftwareOut) {
  install("libEGL.so.1");
  EXPECT_EQ(probe(probe_egl, "works").text("p:egl.devices"), "1");
  EXPECT_EQ(probe(probe_opengl, "works").text("p:gl.renderer", "?"), "");
  EXPECT_EQ(probe(probe_egl, "hang", milliseconds(200)).text("p:egl.devices"), "timeout");
}

TEST_F(Drivers, AmdAndIntelAreAsked) {
  EXPECT_TRUE(probe(probe_hip, "works").absent("p:hip.init"));  // nothing of AMD's is here
  std::filesystem::create_directories(root.real("/opt/rocm"));
  EXPECT_EQ(probe(probe_hip, "works").text("p:hip.init"), "dlopen-failed");
  install("libamdhip64.so.6");
  Facts facts = probe(probe_hip, "works");
  EXPECT_EQ(facts.text("p:hip.init"), "0");
  EXPECT_EQ(facts.text("p:hip.count"), "3");
  install("libhsa-runtime64.so.1");
  EXPECT_EQ(probe(probe_hip, "none").text("p:hip.init"), "hsa-out-of-resources");
  EXPECT_EQ(probe(probe_hip, "hang", milliseconds(200)).text("p:hip.init"), "timeout");
  install("libze_loader.so.1");
  EXPECT_EQ(probe(probe_level_zero, "works").text("p:ze.devices"), "4");
}

TEST_F(Drivers, DxcoreTellsOfTheNvidiaAdapter) {
  install("libdxcore.so");
  EXPECT_TRUE(probe(probe_dxcore, "works").known().empty());  // neither WSL nor a Hyper-V guest
  root.write("/proc/version", "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)");
  Facts facts = probe(probe_dxcore, "works");
  EXPECT_EQ(facts.text("p:dxcore.nvidia"), "1");
  EXPECT_EQ(facts.text("p:dxcore.wddm"), "3200");
  EXPECT_EQ(facts.text("p:dxcore.store"), "/usr/lib/wsl/drivers/nvltwi.inf_amd64_8899aabbccddeeff");
  EXPECT_EQ(probe(probe_dxg, "works").text("p:dxg.open"), "ENOENT");
  root.write("/dev/dxg", "");  // a plain file knows none of the requests
  facts = probe(probe_dxg, "works");
  EXPECT_EQ(facts.text("p:dxg.open"), "ok");
  EXPECT_TRUE(facts.why_unknown("p:dxg.adapters"));
}

}  // namespace

}  // namespace outboard::doctor::probes
