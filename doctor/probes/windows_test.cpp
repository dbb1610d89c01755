// The Windows side of a made WSL: fake programs of Windows that answer, answer in UTF-16, in another code page, fail,
// hang.
#include "doctor/probes/made_root.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

class Windows : public testing::Test {
 protected:
  Windows() {
    root.write("/proc/version", "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)");
    root.write("/proc/sys/fs/binfmt_misc/WSLInterop-late", "enabled\ninterpreter /init\n");
    root.place.path = "/usr/bin:/bin";
  }
  void program(const std::string& name, const std::string& script) { root.command(system + name, script); }
  // printf's words are in single quotes: backslashes stay.
  void answers(const std::string& text) {
    root.write("/answer", text);
    program("WindowsPowerShell/v1.0/powershell.exe", "cat " + root.real("/answer"));
  }
  Facts ask() { return root.probe(probe_windows, "w:*"); }

  std::string system = "/mnt/c/Windows/System32/";
  MadeRoot root;
};

constexpr const char* usual =
    "CurrentBuild=26100\r\nUBR=2605\r\nDisplayVersion=24H2\r\nInstallationType=Client\r\nProductName=Windows 10 Pro\r\n"
    "arch=AMD64\r\npolicy.AllowWSL1=0\r\nwslconfig=[wsl2]\\nkernel=D:\\\\vmlinux\\ngpuSupport=true\r\n"
    "docker.settings={ \"WslEngineEnabled\" : false }\r\ncomputer=LENOVO 21CB\r\nrdp.session=yes\r\n"
    "device=PCI\\VEN_8086&DEV_46A6&SUBSYS_1\\3|Intel(R) Iris(R) Xe Graphics|OK|0\r\n"
    "device=PCI\\VEN_10DE&DEV_2786&SUBSYS_2\\4|NVIDIA GeForce RTX 4070|Error|43\r\n"
    "driver=PCI\\VEN_10DE&DEV_2786&SUBSYS_2\\4|32.0.15.7652|2025-05-01\r\n"
    "driver=PCI\\VEN_8086&DEV_46A6&SUBSYS_1\\3|31.0.101.5382|2024-03-01\r\nend=yes\r\n";

TEST_F(Windows, OneAnswerHasAllFacts) {
  answers(usual);
  Facts facts = ask();
  EXPECT_EQ(facts.text("w:CurrentBuild"), "26100");
  EXPECT_EQ(facts.text("w:UBR"), "2605");
  EXPECT_EQ(facts.text("w:InstallationType"), "Client");
  EXPECT_EQ(facts.text("w:arch"), "AMD64");
  EXPECT_EQ(facts.text("w:policy.AllowWSL1"), "0");
  EXPECT_EQ(facts.text("w:wslconfig"), "[wsl2]\nkernel=D:\\\\vmlinux\ngpuSupport=true");
  EXPECT_EQ(facts.text("w:docker.backend"), "hyper-v");
  EXPECT_EQ(facts.text("w:hypervisor.vm"), "no");
  EXPECT_EQ(facts.text("w:rdp.session"), "yes");
  EXPECT_EQ(facts.text("w:gpu.name"), "NVIDIA GeForce RTX 4070\nIntel(R) Iris(R) Xe Graphics");
  EXPECT_EQ(facts.text("w:gpu.vendor"), "10DE\n8086");
  EXPECT_EQ(facts.text("w:gpu.status"), "Error\nOK");
  EXPECT_EQ(facts.text("w:gpu.problem"), "43\n0");
  EXPECT_EQ(facts.text("w:gpu.driver"), "32.0.15.7652\n31.0.101.5382");
}

TEST_F(Windows, Utf16AndBytesOfACodePage) {
  std::string wide = "\xFF\xFE";
  for (char c : std::string("CurrentBuild=19045\r\nend=yes\r\n")) wide.append({c, '\0'});
  answers(wide);
  EXPECT_EQ(ask().text("w:CurrentBuild"), "19045");
  answers("CurrentBuild=19045\ndevice=ACPI\\VEN_QCOM&DEV_0C36\\0|Qualcomm\xAE Adreno|OK|0\nend=yes\n");
  Facts facts = ask();
  EXPECT_EQ(facts.text("w:gpu.name"), "Qualcomm? Adreno");
  EXPECT_EQ(facts.text("w:gpu.vendor"), "QCOM");
}

TEST_F(Windows, AnAnswerThatBreaksOffLeavesGpusUnknown) {
  answers("CurrentBuild=19045\nUBR=1\n");
  Facts facts = ask();
  EXPECT_EQ(facts.text("w:UBR"), "1");
  EXPECT_TRUE(facts.has("w:gpu.name") || facts.why_unknown("w:gpu.name"));
  EXPECT_TRUE(facts.text("w:gpu.name").empty());
}

TEST_F(Windows, TheRegistryIsTheSecondSource) {
  program("WindowsPowerShell/v1.0/powershell.exe", "echo 'not recognized'; exit 1");
  program("reg.exe",
          "case \"$2\" in *Policies*) printf '\\r\\n    AllowWSL    REG_DWORD    0x0\\r\\n';; *) printf "
          "'    CurrentBuild    REG_SZ    19042\\r\\n    UBR    REG_DWORD    0x6a3\\r\\n    Other    REG_SZ    "
          "x\\r\\n';; esac");
  Facts facts = ask();
  EXPECT_EQ(facts.text("w:CurrentBuild"), "19042");
  EXPECT_EQ(facts.text("w:UBR"), "1699");
  EXPECT_EQ(facts.text("w:policy.AllowWSL"), "0");
  EXPECT_FALSE(facts.has("w:Other"));
  EXPECT_TRUE(facts.why_unknown("w:gpu.name"));
}

TEST_F(Windows, CmdIsTheThird) {
  program("cmd.exe", "printf '\\r\\nMicrosoft Windows [Version 10.0.19043.1288]\\r\\n'");
  EXPECT_EQ(ask().text("c:ver"), "Microsoft Windows [Version 10.0.19043.1288]");
}

TEST_F(Windows, AHangIsUnknownNotAbsent) {
  program("WindowsPowerShell/v1.0/powershell.exe", "sleep 60");
  Facts facts = root.probe(probe_windows, "w:*", milliseconds(300));
  EXPECT_TRUE(facts.why_unknown("w:CurrentBuild"));
}

TEST_F(Windows, WithoutInteropNothingIsGuessed) {
  answers(usual);
  root.write("/proc/sys/fs/binfmt_misc/WSLInterop-late", "disabled\n");
  for (auto* one : {probe_windows, probe_windows_nvidia, probe_windows_wsl})
    EXPECT_TRUE(root.probe(one).known().empty());
  EXPECT_TRUE(ask().why_unknown("w:CurrentBuild"));
  root.write("/proc/version", "Linux version 6.1.0-28-amd64");  // no WSL: nobody asks
  std::filesystem::remove(root.real("/proc/sys/fs/binfmt_misc/WSLInterop-late"));
  EXPECT_TRUE(root.probe(probe_windows).unknown().empty());
}

TEST_F(Windows, DrivesMayBeMountedElsewhere) {
  root.write("/etc/wsl.conf", "[automount]\nroot = /win/\n");
  system = "/win/c/Windows/System32/";
  answers(usual);
  EXPECT_EQ(ask().text("w:CurrentBuild"), "26100");
}

TEST_F(Windows, NvidiaSmiTellsOfEveryGpu) {
  program("nvidia-smi.exe", "printf 'TCC, 552.74, Tesla P40, 6.1\\r\\nWDDM, 552.74, NVIDIA RTX A2000, 8.6\\r\\n'");
  Facts facts = root.probe(probe_windows_nvidia);
  EXPECT_EQ(facts.text("w:nvsmi.driver_model"), "TCC, WDDM");
  EXPECT_EQ(facts.text("w:nvsmi.cc"), "6.1, 8.6");
  EXPECT_EQ(facts.text("w:nvsmi.driver_version"), "552.74");
  // Old ones know no compute_cap.
  program("nvidia-smi.exe",
          "case \"$1\" in *compute_cap*) exit 2;; esac; printf 'WDDM, 441.66, GeForce GTX 1070\\r\\n'");
  facts = root.probe(probe_windows_nvidia);
  EXPECT_EQ(facts.text("w:nvsmi.driver_version"), "441.66");
  EXPECT_TRUE(facts.absent("w:nvsmi.cc"));
  program("nvidia-smi.exe", "echo failed; exit 9");
  EXPECT_TRUE(root.probe(probe_windows_nvidia).why_unknown("w:nvsmi.driver_model"));
}

TEST_F(Windows, WslTellsItsVersionInUtf16) {
  std::string wide;
  for (char c : std::string("WSL version: 2.4.13.0\r\nKernel version: 5.15.167.4-1\r\n")) wide.append({c, '\0'});
  root.write("/answer", wide);
  program("wsl.exe", "cat " + root.real("/answer"));
  EXPECT_EQ(root.probe(probe_windows_wsl).text("w:wsl.version"), "2.4.13.0");
  program("wsl.exe", "exit 1");  // the inbox one
  EXPECT_EQ(root.probe(probe_windows_wsl).text("w:wsl.version"), "inbox");
}

}  // namespace

}  // namespace outboard::doctor::probes
