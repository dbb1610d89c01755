// The lists are data: each line says what a device's library does with it. Those of NVIDIA's driver come from what its
// files are documented to be and have not been run against a real driver yet (docs/nvidia.md).
#include "server/rooms.h"

#include <seccomp.h>

#include <cstdlib>
#include <filesystem>

#include "base/file_cache.h"

namespace server {
namespace {

namespace fs = std::filesystem;

std::string setting(const char* name) {
  const char* value = secure_getenv(name);
  return value ? value : "";
}

struct Place {
  const char* path;
  const char* reason;
};

// --- the software GPU

constexpr Place software_reads[] = {{"/proc/cpuinfo", "which processor this is"},
                                    {"/proc/meminfo", "how much memory there is"},
                                    {"/proc/self/maps", "where code lies, when a kernel faults"},
                                    {"/sys/devices/system/cpu", "how many cores there are"}};

// A cache of this user's, made now because later it cannot be.
void add_cache(SandboxRooms& rooms, const char* kind) {
  const std::string folder = base::FileCache::users_folder(kind);
  if (folder.empty()) return;
  base::FileCache::make_folder(folder);
  rooms.write.push_back(folder);
}

SandboxRooms software_rooms() {
  SandboxRooms rooms;
  for (const Place& place : software_reads) rooms.read.push_back(place.path);
  add_cache(rooms, "kernels");
  return rooms;
}

// --- NVIDIA's driver. Its cache of compiled PTX (~/.nv/ComputeCache) is left out on purpose: workers of several
// clients would write into it what the others run.

constexpr Place driver_reads[] = {
    {"/proc/driver/nvidia", "the kernel driver's version, parameters and capabilities"},
    {"/proc/devices", "the numbers of its device files"},
    {"/proc/modules", "whether its modules are loaded"},
    {"/proc/cpuinfo", "the processor"},
    {"/proc/meminfo", "the machine's memory"},
    {"/proc/self", "its own mappings and threads"},
    {"/proc/sys/vm", "mmap_min_addr and overcommit, before it reserves addresses"},
    {"/sys/bus/pci", "the GPUs' places on the bus"},
    {"/sys/devices", "the same, where the links of /sys/bus/pci lead; NUMA nodes"},
    {"/sys/module", "parameters of nvidia and nvidia_uvm"},
    {"/etc/ld.so.cache", "libraries that the driver loads when they are needed: the PTX compiler, NVVM"},
    {"/lib", "those libraries"},
    {"/usr/lib", "those libraries, of Debian and WSL2 (/usr/lib/wsl)"},
    {"/usr/lib64", "those libraries, of Red Hat"},
    {"/usr/share/nvidia", "application profiles"},
    {"/etc/nvidia", "application profiles"}};

constexpr Place driver_uses[] = {{"/dev/nvidiactl", "the control device: everything begins here"},
                                 {"/dev/nvidia-uvm", "unified memory: all address space management"},
                                 {"/dev/nvidia-uvm-tools", "opened beside it"},
                                 {"/dev/nvidia-caps", "MIG and other capabilities are files here"},
                                 {"/dev/dxg", "WSL2: the GPU of the Windows host"}};
constexpr int most_gpus = 32;  // /dev/nvidia0 and on

constexpr SandboxRooms::Ioctl driver_requests[] = {{0xff00, 'F' << 8, "nvidia.ko: NV_IOCTL_MAGIC"},
                                                   {0xffffff00, 0, "nvidia_uvm: plain numbers below 256"},
                                                   {0xffffffff, 0x30000001, "nvidia_uvm: UVM_INITIALIZE"},
                                                   {0xffffffff, 0x30000002, "nvidia_uvm: UVM_DEINITIALIZE"},
                                                   {0xff00, 'G' << 8, "dxgkrnl on WSL2: D3DKMT requests"}};

constexpr int driver_calls[] = {SCMP_SYS(get_mempolicy),
                                SCMP_SYS(set_mempolicy),
                                SCMP_SYS(mbind),  // NUMA placement of pinned memory
                                SCMP_SYS(mlock2),
                                SCMP_SYS(munlockall),
                                SCMP_SYS(mlockall),  // pinned memory
                                SCMP_SYS(sched_setaffinity),
                                SCMP_SYS(sched_getscheduler),
                                SCMP_SYS(sched_getparam),
                                SCMP_SYS(getpriority),
                                SCMP_SYS(eventfd),
                                SCMP_SYS(capget),
                                SCMP_SYS(readahead)};

SandboxRooms driver_rooms() {
  SandboxRooms rooms;
  for (const Place& place : driver_reads) rooms.read.push_back(place.path);
  for (const Place& place : driver_uses) rooms.write.push_back(place.path);
  for (int i = 0; i < most_gpus; ++i) rooms.write.push_back("/dev/nvidia" + std::to_string(i));
  rooms.requests.assign(std::begin(driver_requests), std::end(driver_requests));
  rooms.calls.assign(std::begin(driver_calls), std::end(driver_calls));
  rooms.locks_memory = true;
  const std::string named = setting("OUTBOARD_VENDOR_DRIVER");
  if (named.empty()) return rooms;
  rooms.read.push_back(fs::path(named).parent_path());
  if (setting("OUTBOARD_VENDOR_STAND_IN") != "accept") return rooms;
  SandboxRooms also = software_rooms();  // a test: the driver is the software GPU
  rooms.read.insert(rooms.read.end(), also.read.begin(), also.read.end());
  rooms.write.insert(rooms.write.end(), also.write.begin(), also.write.end());
  return rooms;
}

}  // namespace

SandboxRooms worker_rooms(const std::string& device) {
  SandboxRooms rooms = device == "nvidia" ? driver_rooms() : device == "null" ? SandboxRooms{} : software_rooms();
  add_cache(rooms, "modules");  // the server's own, whatever the device
  return rooms;
}

}  // namespace server
