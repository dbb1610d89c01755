// All probes at once, programs, bundles, the list of keys.
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "doctor/probes/bundle.h"
#include "doctor/probes/collect.h"
#include "doctor/probes/keys.h"
#include "doctor/probes/made_root.h"
#include "doctor/probes/program.h"
#include "doctor/probes/reading.h"
#include "image/fatbin.h"

namespace outboard::doctor::probes {

namespace {

std::string contents(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr milliseconds allowed{20000};  // the checks take the time
#else
constexpr milliseconds allowed{2000};
#endif

TEST(Whole, ThisMachineIsReadInTwoSeconds) {
  auto fastest = milliseconds::max();
  Collected collected;
  // The first reads everything from the disk; on a machine that is busy with other things the best of a few counts.
  int runs = 0;
  for (; runs < 4 && fastest > allowed; ++runs) {
    auto began = std::chrono::steady_clock::now();
    collected = collect(Place::here());
    fastest = std::min(fastest, std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began));
  }
  // Where others keep the processors busy, what the probes themselves take counts.
  double load = 0;
  rusage used = {};
  bool is_busy = getloadavg(&load, 1) == 1 && load > 1.5 * sysconf(_SC_NPROCESSORS_ONLN);
  getrusage(RUSAGE_CHILDREN, &used);
  milliseconds processor = milliseconds(1000 * (used.ru_utime.tv_sec + used.ru_stime.tv_sec)) / runs;
  EXPECT_LT(is_busy ? processor : fastest, allowed);
  const Facts& facts = collected.facts;
  EXPECT_EQ(facts.text("i:uid"), std::to_string(geteuid()));
  EXPECT_TRUE(facts.has("f:/proc/version"));
  EXPECT_TRUE(facts.has("f:/etc/os-release"));
  EXPECT_TRUE(facts.has("p:cuda.cuInit"));
  for (const auto& [key, text] : facts.known()) EXPECT_TRUE(key_row(key) && key_row(key)->probed) << key;
  // No GPU library was loaded here.
  std::string maps = contents("/proc/self/maps");
  for (const char* name : {"libcuda", "libnvidia", "libOpenCL", "libvulkan", "libEGL", "libpocl"})
    EXPECT_FALSE(contains(maps, name)) << name;
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);  // no child is left
}

TEST(Whole, AnEmptyAndAGarbledMachine) {
  MadeRoot root;
  EXPECT_TRUE(collect(root.place).failures.empty());
  std::string garbage;
  for (int at = 0; at < 4096; ++at) garbage += static_cast<char>(at * 7919 >> 3);
  for (const char* path : {"/proc/version",
                           "/proc/modules",
                           "/proc/devices",
                           "/proc/driver/nvidia/version",
                           "/proc/self/mounts",
                           "/etc/os-release",
                           "/etc/ld.so.cache",
                           "/etc/passwd",
                           "/etc/group",
                           "/dev/kmsg",
                           "/proc/config.gz",
                           "/var/lib/dpkg/status",
                           "/usr/lib/libcuda.so.1",
                           "/etc/OpenCL/vendors/x.icd",
                           "/usr/share/vulkan/icd.d/x.json",
                           "/opt/rocm/.info/version",
                           "/sys/bus/pci/devices/0000:01:00.0/vendor",
                           "/sys/class/kfd/kfd/topology/nodes/1/properties",
                           "/dev/nvidia0",
                           "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
                           "/lib/modules/x/updates/dkms/nvidia.ko"})
    root.write(path, garbage);
  Collected collected = collect(root.place);
  for (const Failure& failure : collected.failures) ADD_FAILURE() << failure.probe << ": " << failure.why;
  for (const auto& [key, text] : collected.facts.known()) EXPECT_TRUE(is_text(text) || text.empty()) << key;
  EXPECT_TRUE(read_snapshot(write_snapshot(collected.facts)));
}

TEST(Keys, EveryKeyOfTheFormatHasARow) {
  std::stringstream list(contents(KEYS_FILE));
  size_t count = 0, unprobed = 0;
  for (std::string key; std::getline(list, key);) {
    ++count;
    const Key* row = key_row(key);
    EXPECT_TRUE(row) << key;
    unprobed += row && !row->probed;
  }
  EXPECT_GT(count, 190u);
  EXPECT_LT(unprobed, 12u);
}

TEST(Keys, ThePageListsThem) {
  std::string page = contents(KEYS_PAGE);
  for (const Key& row : keys())
    EXPECT_TRUE(
        contains(page, "| `" + std::string(row.pattern) + "` | " + (row.probed ? "yes" : "no") + " | " + row.how))
        << row.pattern;
}

std::string with_code(MadeElf elf) {
  elf.section = ".nv_fatbin";
  std::string ptx = ".version 8.4\n";
  std::vector<std::byte> bytes(ptx.size());
  std::memcpy(bytes.data(), ptx.data(), ptx.size());
  for (auto [kind, architecture] :
       {std::pair{image::Kind::cubin, 86u}, {image::Kind::cubin, 90u}, {image::Kind::ptx, 90u}}) {
    std::vector<std::byte> one = image::make_fatbin(kind, architecture, bytes);
    elf.content.append(reinterpret_cast<const char*>(one.data()), one.size());
  }
  return elf.elf64();
}

TEST(Program, ElfIsReadNotRun) {
  MadeRoot root;
  MadeElf elf = own_library({"libcudart.so.12", "libcudnn.so.9", "libcuda.so.1", "libc.so.6"});
  elf.interpreter = "/lib64/ld-linux-x86-64.so.2";
  root.write("/app/render", with_code(elf));
  root.write("/usr/lib/libcudart.so.12.6.77", own_library().elf64());
  root.link("/usr/lib/libcudart.so.12", "libcudart.so.12.6.77");
  root.write("/usr/lib/libc.so.6", own_library({}).elf64());
  auto collected = collect(root.place, {"/app/render", "--fast"});
  ASSERT_TRUE(collected) << collected.error();
  const Facts& facts = collected.value().facts;
  EXPECT_EQ(facts.text("p:want"), "cuda");
  EXPECT_EQ(facts.text("p:app.missing"), "libcudnn.so.9");
  EXPECT_EQ(facts.text("p:cudart.version"), "12060");
  EXPECT_EQ(facts.text("p:app.architectures"), "sm_86 sm_90 compute_90");
  EXPECT_EQ(facts.text("p:proc.elfclass"), "64");
  EXPECT_EQ(facts.text("p:app.uses"), "cuda");
}

TEST(Program, OtherClassesAndOtherInterfaces) {
  MadeRoot root;
  MadeElf elf;
  elf.machine = EM_386;
  elf.needed = {"libGL.so.1", "libvulkan.so.1"};
  elf.interpreter = "/lib/ld-linux.so.2";
  root.write("/app/game", elf.elf32());
  Facts facts = collect(root.place, {"/app/game"}).value().facts;
  EXPECT_EQ(facts.text("p:proc.elfclass"), "32");
  EXPECT_EQ(facts.text("p:want"), "vulkan");
  EXPECT_EQ(facts.text("p:app.uses"), "opengl vulkan");
  EXPECT_FALSE(collect(root.place, {"/app/none"}));
  root.write("/app/text", "hello");
  EXPECT_FALSE(collect(root.place, {"/app/text"}));
}

TEST(Program, PythonAndItsFrameworks) {
  MadeRoot root;
  root.write("/venv/bin/python3", own_library().elf64());
  root.write("/venv/pyvenv.cfg", "include-system-site-packages = false\n");
  std::string packages = "/venv/lib/python3.12/site-packages";
  root.write(packages + "/torch/version.py", "__version__ = '2.6.0+cpu'\ncuda: Optional[str] = None\n");
  root.write(packages + "/jaxlib-0.5.1.dist-info/METADATA", "");
  root.write("/app/main.py", "#!/venv/bin/python3\nimport os, sys\nfrom model import net\n");
  root.write("/app/model.py", "import torch.nn as nn\n");
  Facts facts = collect(root.place, {"/app/main.py"}).value().facts;
  EXPECT_EQ(facts.text("p:app.build"), "torch 2.6.0+cpu");
  EXPECT_EQ(facts.text("p:want"), "cuda");
  root.write("/app/model.py", "import jax\n");
  facts = collect(root.place, {"/venv/bin/python3", "-u", "/app/main.py"}).value().facts;
  EXPECT_EQ(facts.text("p:app.build"), "jax 0.5.1+cpu");
  root.write("/app/model.py", "import json\n");
  EXPECT_TRUE(collect(root.place, {"/app/main.py"}).value().facts.absent("p:app.build"));
}

TEST(Program, SideLibrariesOfAFramework) {
  MadeRoot root;
  root.write("/venv/bin/python3", own_library().elf64());
  root.write("/venv/pyvenv.cfg", "x");
  std::string packages = "/venv/lib/python3.11/site-packages";
  root.write(packages + "/torch/version.py", "__version__ = '2.5.1'\ncuda = '12.4'\n");
  root.write(packages + "/torch/lib/libtorch_cuda.so",
             own_library({"libcudnn.so.9", "libcublas.so.12", "libcuda.so.1"}).elf64());
  root.write(packages + "/nvidia/cublas/lib/libcublas.so.12", own_library({}).elf64());
  root.write("/app/main.py", "#!/venv/bin/python3\nimport torch\n");
  Facts facts = collect(root.place, {"/app/main.py"}).value().facts;
  EXPECT_EQ(facts.text("p:app.build"), "torch 2.5.1+cu12.4");
  EXPECT_EQ(facts.text("p:app.missing"), "libcudnn.so.9");
}

Facts cleaned(std::initializer_list<std::pair<const char*, const char*>> list) {
  Facts facts;
  for (const auto& [key, text] : list) facts.set(key, text);
  return redact(facts, {{"carol"}, {"workhorse"}});
}

TEST(Bundle, NamesAddressesAndSecretsGo) {
  Facts facts = cleaned({{"i:groups", "carol adm video"},
                         {"f:/home/carol/.local/share/vulkan/icd.d/x.json", "/home/carol/lib/libx.so"},
                         {"w:wslconfig", "kernel=C:\\\\Users\\\\Carol\\\\k"},
                         {"e:PATH", "/home/carol/bin:/usr/bin:/mnt/c/Users/Carol Smith/bin"},
                         {"e:DISPLAY", "192.168.7.20:0"},
                         {"e:OUTBOARD_TOKEN", "abc"},
                         {"e:SSH_CONNECTION", "fe80::1ff:fe23:4567:890a 22 10.1.2.3 22"},
                         {"p:parent.env", "NVIDIA_API_KEY=s3cr3t\nHF=hf_abcdefghijklmnop\nCUDA_HOME=/opt"},
                         {"f:/proc/cmdline", "nfsroot=10.9.8.7:/x BOOTIF=01:23:45:67:89:ab"},
                         {"e:VK_ICD_FILENAMES", "https://bob:pw@example.org/x"},
                         {"k:dmesg", "workhorse kernel: NVRM: GPU 0000:01:00.0"}});
  EXPECT_EQ(facts.text("i:groups"), "user adm video");
  EXPECT_EQ(facts.text("f:/home/user/.local/share/vulkan/icd.d/x.json"), "/home/user/lib/libx.so");
  EXPECT_EQ(facts.text("w:wslconfig"), "kernel=C:\\\\Users\\\\user\\\\k");
  EXPECT_FALSE(contains(lower(facts.text("e:PATH")), "carol"));
  EXPECT_EQ(facts.text("e:DISPLAY"), "address:0");
  EXPECT_EQ(facts.text("e:OUTBOARD_TOKEN"), "redacted");
  EXPECT_EQ(facts.text("e:SSH_CONNECTION"), "address 22 address 22");
  EXPECT_EQ(facts.text("p:parent.env"), "NVIDIA_API_KEY=redacted\nHF=redacted\nCUDA_HOME=/opt");
  EXPECT_EQ(facts.text("f:/proc/cmdline"), "nfsroot=address:/x BOOTIF=address");
  EXPECT_EQ(facts.text("e:VK_ICD_FILENAMES"), "https://redacted@example.org/x");
  EXPECT_EQ(facts.text("k:dmesg"), "host kernel: NVRM: GPU 0000:01:00.0");
}

TEST(Bundle, EvidenceStays) {
  std::initializer_list<std::pair<const char*, const char*>> evidence = {
      {"f:/proc/version", "Linux version 5.15.167.4-microsoft-standard-WSL2 (root@f9c826d3017f)"},
      {"f:/proc/sys/vm/overcommit_memory", "0"},
      {"w:gpu.driver", "30.0.14.111"},
      {"w:wsl.version", "2.3.26.0"},
      {"e:DISPLAY", "localhost:10.0"},
      {"e:CUDA_VISIBLE_DEVICES", "GPU-00000000-0000-0000-0000-000000000000"},
      {"f:/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de"},
      {"k:dmesg", "NVRM: Xid (PCI:0000:01:00): 79, pid='<unknown>'"},
      {"n:/dev/nvidia0", "c 195:0 0660 root:vglusers open=EACCES"},
      {"p:cuda.path", "/usr/lib/x86_64-linux-gnu/libcuda.so.1"}};
  Facts facts = cleaned(evidence);
  for (const auto& [key, text] : evidence) EXPECT_EQ(facts.text(key), text);
}

TEST(Bundle, AGpuKeepsOneNumber) {
  const char* uuid = "GPU-8f6d3c1e-aaaa-bbbb-cccc-0123456789ab";
  Facts facts = cleaned({{"e:CUDA_VISIBLE_DEVICES", uuid}, {"p:nvml.uuids", uuid}});
  EXPECT_EQ(facts.text("e:CUDA_VISIBLE_DEVICES"), facts.text("p:nvml.uuids"));
  EXPECT_FALSE(contains(facts.text("p:nvml.uuids"), "8f6d"));
}

TEST(Bundle, IsWrittenWholeOrNotAtAll) {
  MadeRoot root;
  std::string path = root.real("/report.json");
  root.write("/report.json", "old");
  ASSERT_TRUE(write_whole(path, "new").ok());
  EXPECT_EQ(contents(path), "new");
  EXPECT_FALSE(write_whole(root.real("/none/report.json"), "x").ok());
  // A file system of 16 KiB is full soon; what was there stays.
  std::string small = root.real("/small");
  std::filesystem::create_directories(small);
  if (mount("none", small.c_str(), "tmpfs", 0, "size=16k") != 0) GTEST_SKIP() << "nothing can be mounted here";
  root.write("/small/report.json", "old");
  EXPECT_FALSE(write_whole(small + "/report.json", std::string(100 << 10, 'x')).ok());
  EXPECT_EQ(contents(small + "/report.json"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(small), {}), 1);
  umount(small.c_str());
}

}  // namespace

}  // namespace outboard::doctor::probes
