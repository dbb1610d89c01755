// Probes of files, nodes, commands and the Windows side, on made machines; and how children end.
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "doctor/probes/command.h"
#include "doctor/probes/made_root.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/watched.h"

namespace outboard::doctor::probes {

namespace {

class Machines : public testing::Test {
 protected:
  Facts watch_all(const char* subject) {
    return root.probe([subject](const Place& place, Sink& sink) { watch(subject, place, sink); });
  }
  // A root of one's own may do what a test is about to forbid: then there is nothing to see.
  bool is_root() const { return geteuid() == 0; }
  MadeRoot root;
};

TEST_F(Machines, FilesAreRead) {
  root.write("/proc/version", "Linux version 6.1.0-28-amd64\n");
  root.write("/proc/modules", std::string(10 << 20, 'x'));
  root.write("/proc/cmdline", "quiet \xFF\xFE splash");
  root.link("/sys/power/suspend_stats/success", "success");
  std::filesystem::create_directories(root.real("/proc/devices"));
  Facts facts = watch_all("kernel");
  EXPECT_EQ(facts.text("f:/proc/version"), "Linux version 6.1.0-28-amd64");
  EXPECT_TRUE(facts.why_unknown("f:/proc/modules"));                     // 10 MB
  EXPECT_EQ(*facts.why_unknown("f:/proc/cmdline"), "it is no text");     // bytes
  EXPECT_TRUE(facts.why_unknown("f:/sys/power/suspend_stats/success"));  // a loop of links
  EXPECT_TRUE(facts.why_unknown("f:/proc/devices"));                     // a folder
  EXPECT_TRUE(facts.absent("f:/proc/uptime"));
}

TEST_F(Machines, WhatMayNotBeReadIsUnknown) {
  if (is_root()) {  // then another user reads: the probe's child becomes one
    root.write("/etc/wsl.conf", "secret");
    chmod(root.real("/etc/wsl.conf").c_str(), 0600);
    std::filesystem::create_directories(root.real("/etc/cdi"));
    chmod(root.real("/etc/cdi").c_str(), 0700);
    chmod(root.place.root.c_str(), 0755);
  }
  Facts facts = root.probe([](const Place& place, Sink& sink) {
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(1);
    watch("wsl", place, sink);
    watch("containers", place, sink);
  });
  if (!is_root()) return;
  EXPECT_EQ(*facts.why_unknown("f:/etc/wsl.conf"), "permission denied");
  EXPECT_EQ(*facts.why_unknown("f:/etc/cdi/nvidia.yaml"), "permission denied");
}

TEST_F(Machines, TheFirstProcessIsAskedWhereItMatters) {
  // What a root that is another user's may not read: a folder in the file's place cannot be read by anybody.
  std::filesystem::create_directories(root.real("/proc/1/environ"));
  std::filesystem::create_directories(root.real("/proc/1/mounts"));
  EXPECT_TRUE(watch_all("process").why_unknown("f:/proc/1/environ"));
  EXPECT_TRUE(watch_all("process").absent("f:/proc/1/mounts"));
  std::filesystem::create_directories(root.real("/run/systemd/system"));
  EXPECT_TRUE(watch_all("process").absent("f:/proc/1/environ"));
  std::filesystem::create_directories(root.real("/run/WSL"));
  EXPECT_TRUE(watch_all("process").why_unknown("f:/proc/1/mounts"));
  root.write("/proc/self/mounts", "none /usr/lib/wsl/drivers 9p ro 0 0\n");
  EXPECT_TRUE(watch_all("process").absent("f:/proc/1/mounts"));
}

TEST_F(Machines, OnlyWhatMattersIsKept) {
  root.write("/etc/modprobe.d/a.conf", "# blacklist nvidia\noptions snd x=1\n");
  root.write("/etc/modprobe.d/b.conf", "blacklist nvidia\nblacklist floppy\nalias nouveau off\n");
  root.write("/var/lib/dpkg/status",
             "Package: bash\nStatus: install ok installed\nVersion: 5\n\nPackage: libnvidia-compute-535\n"
             "Status: deinstall ok config-files\nArchitecture: amd64\nVersion: 535.1\n");
  root.write("/proc/self/status", "Name:\tx\nSeccomp:\t2\nCapEff:\t0\n");
  EXPECT_TRUE(watch_all("system").absent("f:/etc/modprobe.d/a.conf"));
  EXPECT_EQ(watch_all("system").text("f:/etc/modprobe.d/b.conf"), "blacklist nvidia\nalias nouveau off");
  EXPECT_EQ(watch_all("packages").text("f:/var/lib/dpkg/status"),
            "Package: libnvidia-compute-535\nStatus: deinstall ok config-files\nVersion: 535.1");
  EXPECT_EQ(watch_all("process").text("f:/proc/self/status"), "Seccomp:\t2\nCapEff:\t0");
}

TEST_F(Machines, PciDevicesOfGpusAlone) {
  auto device = [&](const std::string& name, const char* vendor, const char* kind, const char* driver) {
    std::string base = "/sys/bus/pci/devices/" + name;
    root.write(base + "/vendor", std::string(vendor) + "\n");
    root.write(base + "/class", std::string(kind) + "\n");
    root.write(base + "/device", "0x2684\n");
    if (driver) root.link(base + "/driver", "../../../bus/pci/drivers/" + std::string(driver));
  };
  device("0000:41:00.0", "0x10de", "0x030000", "vfio-pci");
  device("0000:41:00.1", "0x10de", "0x040300", "snd_hda_intel");
  device("0000:00:00.0", "0x8086", "0x060000", nullptr);
  root.write("/sys/bus/pci/devices/0000:41:00.0/config", std::string(64, '\xFF'));
  root.write("/sys/bus/pci/devices/0000:41:00.0/resource",
             "0x00000000a0000000 0x00000000a0ffffff 0x1\n0x0000000000000000 0x0000000000000000 0x0\n");
  Facts facts = root.probe(probe_pci);
  EXPECT_EQ(facts.text("f:/sys/bus/pci/devices/0000:41:00.0/vendor"), "0x10de");
  EXPECT_EQ(facts.text("f:/sys/bus/pci/devices/0000:41:00.0/driver"), "vfio-pci");
  EXPECT_EQ(facts.text("p:pci.gone"), "0000:41:00.0");
  EXPECT_EQ(facts.text("p:pci.no-bar1"), "0000:41:00.0");
  EXPECT_FALSE(facts.any("f:*41:00.1*"));
  EXPECT_FALSE(facts.any("f:*00:00.0*"));
}

TEST_F(Machines, NodesTellModeOwnerAndError) {
  std::filesystem::create_directories(root.real("/dev/dri"));
  root.write("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
  root.write("/etc/group", "root:x:0:\nvglusers:x:1234:\n");
  auto node = [&](const char* path, mode_t mode, unsigned group, unsigned major, unsigned minor) {
    if (mknod(root.real(path).c_str(), S_IFCHR, makedev(major, minor)) != 0) return false;
    return chown(root.real(path).c_str(), 0, group) == 0 && chmod(root.real(path).c_str(), mode) == 0;
  };
  if (!node("/dev/nvidiactl", 0660, 1234, 1, 3)) GTEST_SKIP() << "device nodes cannot be made here";
  ASSERT_TRUE(node("/dev/nvidia0", 0666, 0, 195, 77));  // a number that no driver has
  ASSERT_TRUE(node("/dev/dri/renderD128", 0600, 4321, 1, 3));
  root.write("/dev/notes", "");
  chmod(root.place.root.c_str(), 0755);
  Facts facts = root.probe(probe_nodes);
  EXPECT_EQ(facts.text("n:/dev/nvidiactl"), "c 1:3 0660 root:vglusers open=ok");
  EXPECT_EQ(facts.text("n:/dev/nvidia0"), "c 195:77 0666 root:root open=ENXIO");
  EXPECT_EQ(facts.text("n:/dev/dri/renderD128"), "c 1:3 0600 root:4321 open=ok");
  EXPECT_TRUE(facts.absent("n:/dev/notes"));
  EXPECT_TRUE(facts.absent("n:/dev/dxg"));
  facts = root.probe([](const Place& place, Sink& sink) {  // the same as somebody else
    if (setresuid(65534, 65534, 65534) != 0) _exit(1);
    probe_nodes(place, sink);
  });
  EXPECT_EQ(facts.text("n:/dev/nvidiactl"), "c 1:3 0660 root:vglusers open=EACCES");
}

TEST_F(Machines, EnvironmentIsChosenNotTakenWhole) {
  root.place.environment = {{"CUDA_VISIBLE_DEVICES", ""}, {"MY_PASSWORD", "x"}, {"__NV_PRIME_RENDER_OFFLOAD", "1"}};
  Facts facts = root.probe(probe_environment);
  EXPECT_EQ(facts.text("e:CUDA_VISIBLE_DEVICES", "?"), "");
  EXPECT_EQ(facts.text("e:__NV_PRIME_RENDER_OFFLOAD"), "1");
  EXPECT_FALSE(facts.any("*PASSWORD*"));
}

TEST_F(Machines, ParentsVariablesAreFound) {
  root.place.process = 300;
  root.place.environment = {{"CUDA_HOME", "/here"}};
  root.write("/proc/300/status", "Name:\tdoctor\nPPid:\t200\n");
  root.write("/proc/200/status", "Name:\tsudo\nPPid:\t100\n");
  root.write("/proc/200/environ", std::string("HOME=/root\0", 11));
  root.write("/proc/100/environ", std::string("LD_LIBRARY_PATH=/opt/a/lib\0CUDA_HOME=/there\0TERM=x\0", 51));
  EXPECT_EQ(root.probe(probe_parents).text("p:parent.env"), "LD_LIBRARY_PATH=/opt/a/lib");
  root.write("/proc/100/status", "PPid:\t300\n");  // a circle ends
  root.write("/proc/100/environ", "");
  EXPECT_TRUE(root.probe(probe_parents).absent("p:parent.env"));
}

TEST_F(Machines, WhereWeAre) {
  auto virt = [&] { return root.probe(probe_virtualization).text("p:virt"); };
  EXPECT_EQ(virt(), "none");
  root.write("/sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n");
  root.write("/sys/class/dmi/id/product_name", "Surface Laptop 5\n");
  EXPECT_EQ(virt(), "none");
  root.write("/sys/class/dmi/id/product_name", "Virtual Machine\n");
  EXPECT_EQ(virt(), "microsoft");
  root.write("/sys/class/dmi/id/sys_vendor", "VMware, Inc.\n");
  EXPECT_EQ(virt(), "vmware");
  root.write("/proc/1/environ", std::string("PATH=/bin\0container=lxc\0", 24));
  EXPECT_EQ(virt(), "lxc");
  root.write("/run/.containerenv", "");
  EXPECT_EQ(virt(), "podman");
  root.write("/.dockerenv", "");
  EXPECT_EQ(virt(), "docker");
  root.place.environment["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
  EXPECT_EQ(virt(), "kubernetes");
  root.write("/proc/sys/kernel/osrelease", "6.1.128-fc-v2\n");
  Facts facts = root.probe(probe_virtualization);
  EXPECT_EQ(facts.text("p:virt"), "firecracker");
  EXPECT_EQ(facts.text("p:virt.image"), "kubernetes");
}

TEST_F(Machines, InWslTheKernelTells) {
  root.write("/proc/version", "Linux version 6.6.36.3-microsoft-standard-WSL2 (root@x)");
  EXPECT_TRUE(root.probe(probe_virtualization).absent("p:virt"));
  root.write("/.dockerenv", "");
  EXPECT_EQ(root.probe(probe_virtualization).text("p:virt"), "docker");
}

TEST_F(Machines, CLibraryIsToldByItsBanner) {
  root.write("/lib64/libc.so.6", "....GNU C Library (Debian GLIBC 2.31-13) stable release version 2.31.\nCopyright");
  EXPECT_EQ(root.probe(probe_identity).text("i:libc"), "glibc 2.31");
  std::filesystem::remove(root.real("/lib64/libc.so.6"));
  EXPECT_TRUE(root.probe(probe_identity).why_unknown("i:libc"));
  root.write("/lib/ld-musl-" + own_machine() + ".so.1", "x");
  EXPECT_EQ(root.probe(probe_identity).text("i:libc"), "musl");
}

TEST_F(Machines, KernelLogIsSifted) {
  root.write("/dev/kmsg",
             "6,339,5140900,-;usb 1-1: new device\n4,340,5140901,-;NVRM: Xid (PCI:0000:41:00): 94, pid=7\n"
             "<4>[   12.5] nvidia: module verification failed\n\xFF\xFE\n");
  EXPECT_EQ(root.probe(probe_kernel_log).text("k:dmesg"),
            "NVRM: Xid (PCI:0000:41:00): 94, pid=7\nnvidia: module verification failed");
}

TEST_F(Machines, KernelConfigurationAndSecureBoot) {
  root.write("/proc/sys/kernel/osrelease", "6.9.1-custom\n");
  EXPECT_TRUE(root.probe(probe_kernel_config).why_unknown("p:kconfig.DXGKRNL"));
  root.write("/boot/config-6.9.1-custom", "# CONFIG_DXGKRNL is not set\nCONFIG_HSA_AMD=y\n");
  EXPECT_EQ(root.probe(probe_kernel_config).text("p:kconfig.DXGKRNL"), "n");
  EXPECT_EQ(root.probe(probe_kernel_config).text("p:kconfig.HSA_AMD"), "y");
  EXPECT_TRUE(root.probe(probe_secure_boot).why_unknown("p:secureboot"));  // nothing of the firmware is shown
  root.write("/sys/firmware/acpi/x", "");
  EXPECT_EQ(root.probe(probe_secure_boot).text("p:secureboot"), "disabled");  // a BIOS
  root.write("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", std::string("\6\0\0\0\1", 5));
  EXPECT_EQ(root.probe(probe_secure_boot).text("p:secureboot"), "enabled");
}

TEST_F(Machines, CompressedKernelConfigurationIsUnpacked) {
  root.write("/proc/config", "CONFIG_DXGKRNL=m\n");
  ASSERT_EQ(system(("gzip -c " + root.real("/proc/config") + " > " + root.real("/proc/config.gz")).c_str()), 0);
  EXPECT_TRUE(root.probe(probe_kernel_config).why_unknown("p:kconfig.DXGKRNL"));  // no gzip in the place's folders
  root.place.path = "/usr/bin:/bin";
  EXPECT_EQ(root.probe(probe_kernel_config).text("p:kconfig.DXGKRNL"), "m");
  root.write("/proc/config.gz", "garbage");
  EXPECT_TRUE(root.probe(probe_kernel_config).why_unknown("p:kconfig.DXGKRNL"));
}

TEST_F(Machines, KernelModulesTellVersionAndSignature) {
  MadeElf module;
  module.section = ".modinfo";
  module.content = std::string("license=NVIDIA\0version=580.65.06\0", 33);
  root.write("/proc/sys/kernel/osrelease", "6.12.9-amd64\n");
  root.write("/lib/modules/6.12.9-amd64/updates/dkms/nvidia.ko", module.elf64() + "~Module signature appended~\n");
  root.write("/lib/modules/6.11.0-amd64/extra/nvidia.ko", "garbage");
  Facts facts = root.probe(probe_kernel_modules);
  EXPECT_EQ(facts.text("f:/lib/modules/6.12.9-amd64/updates/dkms/nvidia.ko"), "ko 580.65.06");
  EXPECT_EQ(facts.text("f:/lib/modules/6.11.0-amd64/extra/nvidia.ko"), "ko");
  EXPECT_EQ(facts.text("p:module.signed"), "yes");
}

TEST_F(Machines, AmdTopology) {
  root.write("/sys/class/kfd/kfd/topology/nodes/0/properties", "simd_count 0\ngfx_target_version 0\n");
  root.write("/sys/class/kfd/kfd/topology/nodes/1/properties", "simd_count 4\ngfx_target_version 90010\n");
  root.write("/sys/class/kfd/kfd/topology/nodes/2/properties", "gfx_target_version 100302\n");
  root.write("/sys/class/kfd/kfd/topology/nodes/3/properties", "gfx_target_version 99999999999999999999\n");
  root.write("/opt/rocm/.info/version", "6.4.1-83\n");
  root.write("/sys/module/amdgpu/version", "6.12.12\n");
  Facts facts = root.probe(probe_topology);
  EXPECT_EQ(facts.text("p:kfd.gfx"), "gfx90a gfx1032");
  EXPECT_EQ(facts.text("p:kfd.count"), "2");
  EXPECT_EQ(facts.text("p:rocm.lib"), "6.4");
  EXPECT_EQ(facts.text("p:rocm.kmd_branch"), "6");
}

TEST_F(Machines, VendorFilesAndWhatTheyName) {
  root.write("/usr/lib/libfake_cl.so", own_library({"libabsent.so.3"}).elf64());
  root.write("/etc/OpenCL/vendors/fake.icd", "libfake_cl.so\n");
  root.write("/usr/share/vulkan/icd.d/a.json", R"({"ICD": {"library_path" : "../../../lib/libfake_vk.so"}})");
  root.write("/usr/lib/libfake_vk.so", own_library().elf64());
  root.write("/elsewhere/own.json", R"({"ICD": {"library_path": "/none.so"}})");
  root.write("/usr/share/glvnd/egl_vendor.d/10_x.json", "{\"ICD\": {\"library_path\"");
  root.place.environment["VK_DRIVER_FILES"] = "/elsewhere/own.json:/elsewhere/none.json";
  Facts facts = root.probe(probe_manifests);
  EXPECT_EQ(facts.text("f:/etc/OpenCL/vendors/fake.icd"), "libfake_cl.so");
  EXPECT_EQ(facts.text("p:resolve.libfake_cl.so"), "/usr/lib/libfake_cl.so");
  EXPECT_EQ(facts.text("p:needs.libfake_cl.so"), "libabsent.so.3");
  EXPECT_TRUE(facts.has("f:/usr/lib/libfake_vk.so"));
  EXPECT_TRUE(facts.has("f:/elsewhere/own.json"));
  EXPECT_TRUE(facts.absent("f:/elsewhere/none.json"));
  EXPECT_TRUE(facts.absent("f:/none.so"));
}

TEST_F(Machines, DriverLibrariesWhereverTheyLie) {
  std::string library = own_library({"libc.so.6"}).elf64();
  std::string multiarch = "/usr/lib/" + own_machine() + "-linux-gnu";
  root.link("/lib", "usr/lib");
  root.write(multiarch + "/libcuda.so.575.51.03", library);
  root.link(multiarch + "/libcuda.so.1", "libcuda.so.575.51.03");
  root.write("/usr/local/cuda-12.9/compat/libcuda.so.1", library);
  root.write("/usr/lib/nvidia-340/libcuda.so.1", "");
  Facts facts = root.probe(probe_libraries);
  std::string words = "ELF64 " + own_machine() + " glibc ";
  EXPECT_EQ(facts.text("f:" + multiarch + "/libcuda.so.1"), words + "575.51.03");
  EXPECT_FALSE(facts.any("f:/lib/*"));  // one name for each
  EXPECT_TRUE(facts.has("f:/usr/local/cuda-12.9/compat/libcuda.so.1"));
  EXPECT_EQ(facts.text("f:/usr/lib/nvidia-340/libcuda.so.1", "?"), "");
  EXPECT_EQ(facts.text("p:resolve.libcuda.so.1"), multiarch + "/libcuda.so.1");
  EXPECT_EQ(facts.text("p:resolve.libOpenCL.so.1", "?"), "");
}

TEST_F(Machines, DriverStoreOfGpusAlone) {
  std::string store = "/usr/lib/wsl/drivers/";
  root.write(store + "nvhm.inf_amd64_00aa/libcuda.so.1.1", own_library().elf64());
  root.write(store + "nvhm.inf_amd64_00aa/libnvwgf2umx.so", own_library({"libtinfo.so.9"}).elf64());
  root.write(store + "printer.inf_amd64_11bb/libx.so", "x");
  root.write("/usr/lib/libc.so.6", own_library({}).elf64());
  Facts facts = root.probe(probe_driver_store);
  EXPECT_TRUE(facts.has("f:" + store + "nvhm.inf_amd64_00aa/libcuda.so.1.1"));
  EXPECT_FALSE(facts.any("f:*printer*"));
  EXPECT_EQ(facts.text("p:umd.missing"), "libtinfo.so.9");
}

TEST_F(Machines, CommandsAreFoundInTheirFoldersAndBounded) {
  root.command("/bin/says", "echo out; echo err >&2; exit 3");
  root.command("/bin/hangs", "sleep 60");
  root.command("/bin/floods", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done");
  Output output = run_command(root.place, {"says"}, milliseconds(5000));
  EXPECT_TRUE(output.ran);
  EXPECT_EQ(output.out, "out\n");
  EXPECT_EQ(output.err, "err\n");
  EXPECT_EQ(output.exit, 3);
  root.place.path += ":/bin:/usr/bin";
  output = run_command(root.place, {"hangs"}, milliseconds(200));
  EXPECT_FALSE(output.ran);
  output = run_command(root.place, {"floods"}, milliseconds(5000), 100000);
  EXPECT_FALSE(output.ran);
  EXPECT_LT(output.out.size(), 300000u);
  EXPECT_TRUE(run_command(root.place, {"no-such-command"}, milliseconds(100)).absent);
}

TEST_F(Machines, CommandRowsBecomeFacts) {
  root.command("/bin/dkms", "echo 'nvidia/580.65.06, 6.12.9, x86_64: built'");
  root.command("/bin/nvcc", "echo 'Cuda compilation tools, release 12.6, V12.6.20'");
  root.command("/bin/docker", "/bin/sleep 30");
  root.command("/bin/modinfo", "printf 'filename: /x\\nsigner: Debian\\nalias: y\\n'");
  root.command("/bin/systemctl", "printf 'PrivateDevices=yes\\nDevicePolicy=closed\\n'");
  root.write("/proc/self/cgroup", "0::/system.slice/render-farm.service\n");
  Facts facts;
  auto began = std::chrono::steady_clock::now();
  auto failures = run(command_probes(), root.place, facts);
  EXPECT_EQ(facts.text("c:dkms"), "nvidia/580.65.06, 6.12.9, x86_64: built");
  EXPECT_EQ(facts.text("c:nvcc"), "release 12.6");
  EXPECT_EQ(facts.text("c:modinfo"), "filename: /x\nsigner: Debian");
  EXPECT_EQ(facts.text("c:systemd.unit"), "Unit=render-farm.service\nPrivateDevices=yes\nDevicePolicy=closed");
  EXPECT_TRUE(facts.why_unknown("c:docker.context"));
  EXPECT_TRUE(facts.absent("c:supergfxctl"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(2500));
}

TEST_F(Machines, ChildrenThatGoWrongLeaveUnknowns) {
  Facts facts;
  std::vector<Probe> probes = {
      {"late", "p:late.*", milliseconds(150),
       [](const Place&, Sink& sink) { sink.set("p:late.said", "this"), pause(); }},
      {"crashes", "p:crash", milliseconds(3000), [](const Place&, Sink&) { raise(SIGABRT); }},
      {"ends", "p:end", milliseconds(3000), [](const Place&, Sink&) { _exit(7); }},
      {"stops", "p:stop", milliseconds(150), [](const Place&, Sink&) { raise(SIGSTOP); }},
      {"floods", "p:flood.*", milliseconds(3000),
       [](const Place&, Sink& sink) {
         for (;;) sink.set("p:flood.x", std::string(1 << 20, 'x'));
       }},
      {"leaves a child", "p:left", milliseconds(3000),
       [](const Place&, Sink& sink) {
         sink.set("p:left", "yes");
         if (fork() == 0) pause();
       }},
      {"is well", "p:well", milliseconds(3000), [](const Place&, Sink& sink) { sink.set("p:well", "yes"); }}};
  auto failures = run(probes, root.place, facts);
  EXPECT_EQ(facts.text("p:late.said"), "this");
  EXPECT_TRUE(facts.why_unknown("p:late.more"));
  EXPECT_NE(facts.why_unknown("p:crash")->find("has no answer"), std::string::npos);
  EXPECT_TRUE(facts.why_unknown("p:end"));
  EXPECT_TRUE(facts.why_unknown("p:stop"));
  EXPECT_EQ(facts.text("p:left"), "yes");
  EXPECT_EQ(facts.text("p:well"), "yes");
  EXPECT_EQ(failures.size(), 5u);
}

}  // namespace

}  // namespace outboard::doctor::probes
