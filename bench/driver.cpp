// What a program pays for its driver calls, measured through the driver API of whichever library is given.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/bench.h"

namespace bench {
namespace {

void* library;

template <class... A>
int call(const char* name, A... arguments) {
  static void* function = nullptr;  // one per signature and call: looked up below where speed counts
  function = dlsym(library, name);
  int result = function ? reinterpret_cast<int (*)(A...)>(function)(arguments...) : 500;
  if (result) std::fprintf(stderr, "bench: %s: error %d\n", name, result), std::exit(1);
  return result;
}

constexpr const char* kernel =
    ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry nothing(.param .u64 a, .param .u64 b, .param .u32 "
    "n)\n{\nret;\n}\n";

using Launch = int (*)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                       void**);

// Batches that the device finishes between two measurements, so that the client's own cost is seen and not the queue.
double launch_us(void* function) {
  auto launch = reinterpret_cast<Launch>(dlsym(library, "cuLaunchKernel"));
  uint64_t a = 0, b = 0;
  unsigned n = 0;
  void* parameters[] = {&a, &b, &n};
  std::vector<double> times;
  for (int batch = 0; batch < 60; ++batch) {
    constexpr int launches = 300;
    double start = seconds();
    for (int i = 0; i < launches; ++i) launch(function, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr);
    times.push_back((seconds() - start) * 1e6 / launches);
    call("cuCtxSynchronize");
  }
  return median(times);
}

double round_trip_us() {
  auto query = reinterpret_cast<int (*)(void*)>(dlsym(library, "cuStreamQuery"));
  std::vector<double> times;
  for (int i = 0; i < 5000; ++i) {
    double start = seconds();
    query(nullptr);
    times.push_back((seconds() - start) * 1e6);
  }
  return median(times);
}

double allocate_us() {
  auto allocate = reinterpret_cast<int (*)(uint64_t*, size_t)>(dlsym(library, "cuMemAlloc_v2"));
  auto release = reinterpret_cast<int (*)(uint64_t)>(dlsym(library, "cuMemFree_v2"));
  std::vector<double> times;
  for (int i = 0; i < 3000; ++i) {
    uint64_t address = 0;
    double start = seconds();
    allocate(&address, 4096);
    release(address);
    times.push_back((seconds() - start) * 1e6);
  }
  return median(times);
}

template <class Copy>
double gb_per_s(size_t size, Copy copy) {
  std::vector<double> rates;
  for (int i = 0; i < 5; ++i) {
    double start = seconds();
    copy();
    call("cuCtxSynchronize");
    rates.push_back(static_cast<double>(size) / (seconds() - start) / 1e9);
  }
  return median(rates);
}

void open(const std::string& path) {
  library = dlopen(path.c_str(), RTLD_NOW);
  if (!library) std::fprintf(stderr, "bench: %s\n", dlerror()), std::exit(1);
  void* context = nullptr;
  call("cuInit", 0u);
  call("cuDevicePrimaryCtxRetain", &context, 0);
  call("cuCtxSetCurrent", context);
}

}  // namespace

Launcher::Launcher(const std::string& path) {
  open(path);
  void* module = nullptr;
  call("cuModuleLoadData", &module, kernel);
  call("cuModuleGetFunction", &function_, module, "nothing");
  launch_ = dlsym(library, "cuLaunchKernel");
  wait_ = dlsym(library, "cuCtxSynchronize");
}

void Launcher::launch() {
  uint64_t a = 0, b = 0;
  unsigned n = 0;
  void* parameters[] = {&a, &b, &n};
  reinterpret_cast<Launch>(launch_)(function_, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr);
}

void Launcher::wait() { reinterpret_cast<int (*)()>(wait_)(); }

int start_driver(const std::string& path) {
  open(path);
  return 0;
}

int measure_driver(const std::string& path) {
  open(path);
  void *module = nullptr, *function = nullptr;
  call("cuModuleLoadData", &module, kernel);
  call("cuModuleGetFunction", &function, module, "nothing");
  std::printf("launch %.4f\n", launch_us(function));
  std::printf("round_trip %.3f\n", round_trip_us());
  constexpr size_t size = size_t{256} << 20;
  std::vector<char> host(size, 1);
  uint64_t device = 0;
  call("cuMemAlloc_v2", &device, size);
  call("cuMemcpyHtoD_v2", device, static_cast<const void*>(host.data()),
       size);  // the first touch is the kernel's work, not ours
  std::printf("to_device %.3f\n",
              gb_per_s(size, [&] { call("cuMemcpyHtoD_v2", device, static_cast<const void*>(host.data()), size); }));
  std::printf("to_host %.3f\n",
              gb_per_s(size, [&] { call("cuMemcpyDtoH_v2", static_cast<void*>(host.data()), device, size); }));
  void* pinned = nullptr;
  call("cuMemHostAlloc", &pinned, size, 0u);
  std::memset(pinned, 1, size);
  std::printf("pinned_to_device %.3f\n", gb_per_s(size, [&] {
                call("cuMemcpyHtoDAsync_v2", device, static_cast<const void*>(pinned), size,
                     static_cast<void*>(nullptr));
              }));
  std::printf("pinned_to_host %.3f\n",
              gb_per_s(size, [&] { call("cuMemcpyDtoHAsync_v2", pinned, device, size, static_cast<void*>(nullptr)); }));
  std::printf("allocate %.3f\n", allocate_us());
  return 0;
}

}  // namespace bench
