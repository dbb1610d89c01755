// The GPU of a WSL or Hyper-V guest: asks /dev/dxg, and libdxcore, in this child. WSL2-Linux-Kernel,
// include/uapi/misc/d3dkmthk.h; the layouts are Windows' (d3dkmthk.h, "D3DKMTEnumAdapters2", "D3DKMTQueryAdapterInfo").
#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "doctor/probes/driver_library.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

constexpr unsigned long enum_adapters2 = 0xC0104714, enum_adapters3 = 0xC018473E, query_adapter = 0xC0184709;
constexpr uint32_t adapter_type = 15;          // KMTQAITYPE_ADAPTERTYPE
constexpr uint32_t software_device = 1u << 2;  // of the adapter type
constexpr uint64_t with_compute_only = 1;      // of the filter
constexpr uint32_t driver_version = 13, registry = 48, store_path = 2;
constexpr size_t most_adapters = 64;

struct Adapter {
  uint32_t handle;
  uint32_t luid[2];
  uint32_t sources;
  uint32_t regions;
};
static_assert(sizeof(Adapter) == 20);
struct Enumeration2 {
  uint32_t count = 0, unused = 0;
  uint64_t adapters = 0;
};
struct Enumeration3 {
  uint64_t filter = with_compute_only;
  uint32_t count = 0, unused = 0;
  uint64_t adapters = 0;
};
struct Query {
  uint32_t adapter = 0, type = 0;
  uint64_t data = 0;
  uint32_t size = 0, unused = 0;
};

bool can_be_here(const Place& place) {
  if (is_wsl(place) || is_there(place, "/dev/dxg")) return true;
  for (const std::string& path : find(place, "/sys/bus/pci/devices/*/vendor").paths)
    if (word(place, path) == "0x1414") {
      std::string device = word(place, path.substr(0, path.rfind('/')) + "/device");
      if (device == "0x008e" || device == "0x008a") return true;
    }
  return false;
}

template <class Enumeration>
int enumerate(int file, unsigned long request, std::vector<Adapter>& adapters) {
  Enumeration question;
  if (ioctl(file, request, &question) != 0) return errno;
  adapters.resize(std::min<size_t>(question.count, most_adapters));
  question.count = static_cast<uint32_t>(adapters.size());
  question.adapters = reinterpret_cast<uint64_t>(adapters.data());
  if (!adapters.empty() && ioctl(file, request, &question) != 0) return errno;
  adapters.resize(std::min<size_t>(question.count, adapters.size()));
  return 0;
}

bool is_software(int file, const Adapter& adapter) {
  uint32_t type = 0;
  Query query = {adapter.handle, adapter_type, reinterpret_cast<uint64_t>(&type), sizeof type, 0};
  return ioctl(file, query_adapter, &query) == 0 && (type & software_device) != 0;
}

// What libdxcore takes; its wchar_t is four bytes here.
struct RegistryQuery {
  uint32_t type = store_path, flags = 0;
  wchar_t name[260] = {};
  uint32_t value_type = 0, physical_index = 0, size = 0, status = 0;
  union {
    uint64_t number;
    wchar_t text[1024] = {};
  };
};
struct LibraryEnumeration {
  uint32_t count = 0;
  Adapter* adapters = nullptr;
};
struct LibraryQuery {
  uint32_t adapter = 0, type = 0;
  void* data = nullptr;
  uint32_t size = 0;
};
using Enumerate = int(LibraryEnumeration*);
using Ask = int(LibraryQuery*);

std::string store_of(Ask* ask, uint32_t adapter) {
  static RegistryQuery registry_query;
  registry_query = RegistryQuery();
  registry_query.size = sizeof registry_query.text - sizeof(wchar_t);
  LibraryQuery query = {adapter, registry, &registry_query, sizeof registry_query};
  if (ask(&query) != 0) return "";
  std::string path;
  for (wchar_t letter : registry_query.text) {
    if (letter == 0) break;
    path += letter < 128 ? static_cast<char>(letter) : '?';
  }
  return path;
}

bool is_nvidia(const Place& place, const std::string& store) {
  std::string folder = store.substr(store.rfind('/') + 1);
  return folder.starts_with("nv") || is_there(place, store + "/libcuda.so.1.1");
}

}  // namespace

void probe_dxg(const Place& place, Sink& sink) {
  if (!can_be_here(place)) return;
  sink.asking("p:dxg.open");
  std::string real = below(place, "/dev/dxg");
  base::Fd file(real.empty() ? -1 : open(real.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  sink.set("p:dxg.open", file.valid() ? "ok" : error_name(errno));
  if (!file.valid()) return sink.set("p:dxg.adapters", "0");
  sink.asking("p:dxg.adapters");
  std::vector<Adapter> adapters;
  int error = enumerate<Enumeration3>(file.get(), enum_adapters3, adapters);
  if (error == ENOTTY || error == EINVAL) error = enumerate<Enumeration2>(file.get(), enum_adapters2, adapters);
  if (error == ENOTTY) return sink.unknown("p:dxg.adapters", "/dev/dxg is not dxgkrnl's");
  size_t hardware = 0;
  for (const Adapter& adapter : adapters) hardware += !is_software(file.get(), adapter);
  sink.set("p:dxg.adapters", std::to_string(error == 0 ? hardware : 0));
  if (error != 0) sink.set("p:dxg.error", error_name(error));
}

void probe_dxcore(const Place& place, Sink& sink) {
  if (!can_be_here(place)) return;
  sink.asking("p:dxcore.nvidia");
  DriverLibrary dxcore(place, "libdxcore.so");
  auto* enumerate_adapters = dxcore.function<Enumerate>("D3DKMTEnumAdapters2");
  auto* ask = dxcore.function<Ask>("D3DKMTQueryAdapterInfo");
  if (!enumerate_adapters || !ask) {
    sink.set("p:dxcore.error", dxcore ? "libdxcore.so lacks D3DKMT functions" : dxcore.error());
    return sink.unknown("p:dxcore.nvidia", "libdxcore.so cannot be loaded");
  }
  std::array<Adapter, most_adapters> adapters = {};
  LibraryEnumeration question;
  int code = enumerate_adapters(&question);
  question.count = std::min<uint32_t>(question.count, adapters.size());
  question.adapters = adapters.data();
  if (code == 0 && question.count > 0) code = enumerate_adapters(&question);
  int nvidia = 0;
  for (uint32_t index = 0; code == 0 && index < std::min<size_t>(question.count, adapters.size()); ++index) {
    uint32_t version = 0;
    LibraryQuery query = {adapters[index].handle, driver_version, &version, sizeof version};
    if (ask(&query) != 0) continue;
    std::string store = store_of(ask, adapters[index].handle);
    bool ours = is_nvidia(place, store);
    // Below WDDM 2.7 there is no driver for WSL; the first NVIDIA adapter is told of, else the first of all.
    if (ours || (nvidia == 0 && index == 0)) {
      sink.set("p:dxcore.wddm", std::to_string(version));
      sink.set("p:dxcore.store", store);
    }
    nvidia += ours && version >= 2700;
  }
  sink.set("p:dxcore.nvidia", std::to_string(nvidia));
}

}  // namespace outboard::doctor::probes
