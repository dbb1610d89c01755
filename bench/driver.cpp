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
    ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry nothing(.param .u64 a, .param .u64 b, .param .u64 "
    "c, .param .u32 n)\n{\nret;\n}\n";

using Launch = int (*)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                       void**);

// What the kernel takes: addresses and a count.
class Parameters {
 public:
  explicit Parameters(uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, unsigned count = 0)
      : addresses_{a, b, c}, count_(count) {}
  void** list() { return list_; }

 private:
  uint64_t addresses_[3];
  unsigned count_;
  void* list_[4] = {&addresses_[0], &addresses_[1], &addresses_[2], &count_};
};

// Batches that the device finishes between two measurements, so that the client's own cost is seen and not the queue.
double launch_us(void* function) {
  auto launch = reinterpret_cast<Launch>(dlsym(library, "cuLaunchKernel"));
  Parameters parameters;
  std::vector<double> times;
  for (int batch = 0; batch < 60; ++batch) {
    constexpr int launches = 300;
    double start = seconds();
    for (int i = 0; i < launches; ++i) launch(function, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters.list(), nullptr);
    times.push_back((seconds() - start) * 1e6 / launches);
    call("cuCtxSynchronize");
  }
  return median(times);
}

// A call that only the device can answer, and at once: the time between two events that have happened.
double round_trip_us() {
  auto elapsed = reinterpret_cast<int (*)(float*, void*, void*)>(dlsym(library, "cuEventElapsedTime"));
  void* events[2] = {};
  for (void*& event : events) {
    call("cuEventCreate", &event, 0u);
    call("cuEventRecord", event, static_cast<void*>(nullptr));
  }
  call("cuCtxSynchronize");
  std::vector<double> times;
  for (int i = 0; i < 5000; ++i) {
    float milliseconds = 0;
    double start = seconds();
    elapsed(&milliseconds, events[0], events[1]);
    times.push_back((seconds() - start) * 1e6);
  }
  return median(times);
}

// One allocation and its freeing, with `use` between them; waits included: what `many` of them take together.
template <class Allocate, class Free, class Use>
double allocate_us(int many, Allocate allocate, Free release, Use use) {
  std::vector<double> times;
  for (int batch = 0; batch < 9; ++batch) {
    double start = seconds();
    for (int i = 0; i < many; ++i) {
      uint64_t address = 0;
      allocate(&address, 4096);
      use(address);
      release(address);
    }
    call("cuCtxSynchronize");
    times.push_back((seconds() - start) * 1e6 / many);
  }
  return median(times);
}

// By cuMemAlloc and in the order of a stream, unused and with a launch between the two.
void measure_allocations(void* function) {
  auto allocate = reinterpret_cast<int (*)(uint64_t*, size_t)>(dlsym(library, "cuMemAlloc_v2"));
  auto release = reinterpret_cast<int (*)(uint64_t)>(dlsym(library, "cuMemFree_v2"));
  auto allocate_async = reinterpret_cast<int (*)(uint64_t*, size_t, void*)>(dlsym(library, "cuMemAllocAsync"));
  auto release_async = reinterpret_cast<int (*)(uint64_t, void*)>(dlsym(library, "cuMemFreeAsync"));
  auto launch = reinterpret_cast<Launch>(dlsym(library, "cuLaunchKernel"));
  void* stream = nullptr;
  call("cuStreamCreate", &stream, 1u);
  auto in_stream = [&](uint64_t* address, size_t size) { allocate_async(address, size, stream); };
  auto out_of_stream = [&](uint64_t address) { release_async(address, stream); };
  auto nothing = [](uint64_t) {};
  auto use_in = [&](void* where) {
    return [=](uint64_t address) {
      Parameters parameters(address, address);
      launch(function, 1, 1, 1, 32, 1, 1, 0, where, parameters.list(), nullptr);
    };
  };
  std::printf("allocate %.3f\n", allocate_us(3000, allocate, release, nothing));
  std::printf("allocate_used %.3f\n", allocate_us(1000, allocate, release, use_in(nullptr)));
  std::printf("allocate_async %.3f\n", allocate_us(3000, in_stream, out_of_stream, nothing));
  std::printf("allocate_async_used %.3f\n", allocate_us(1000, in_stream, out_of_stream, use_in(stream)));
}

// A step of a training: a batch goes to the device, 300 kernels with workspaces that come and go, and the program waits
// four times: for an event, for a stream, and twice for a number.
double step_ms(void* function) {
  auto launch = reinterpret_cast<Launch>(dlsym(library, "cuLaunchKernel"));
  void *stream = nullptr, *event = nullptr;
  uint64_t batch = 0;
  std::vector<char> host(64 << 10, 1);
  float loss = 0;
  call("cuStreamCreate", &stream, 0u);
  call("cuEventCreate", &event, 2u);
  call("cuMemAlloc_v2", &batch, host.size());
  std::vector<double> times;
  for (int step = 0; step < 7; ++step) {
    double start = seconds();
    call("cuMemcpyHtoDAsync_v2", batch, static_cast<const void*>(host.data()), host.size(), stream);
    for (int quarter = 0; quarter < 4; ++quarter) {
      uint64_t workspace = 0;
      call("cuMemAlloc_v2", &workspace, size_t{1} << 20);
      Parameters parameters(batch, workspace);
      for (int i = 0; i < 75; ++i) launch(function, 1, 1, 1, 32, 1, 1, 0, stream, parameters.list(), nullptr);
      if (quarter == 0) call("cuEventRecord", event, stream), call("cuEventSynchronize", event);
      if (quarter == 1) call("cuStreamSynchronize", stream);
      if (quarter >= 2) call("cuMemcpyDtoH_v2", static_cast<void*>(&loss), batch, sizeof loss);
      call("cuMemFree_v2", workspace);
    }
    call("cuStreamSynchronize", stream);
    call("cuCtxSynchronize");
    times.push_back((seconds() - start) * 1e3);
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

void Launcher::launch(unsigned turn) {
  Parameters parameters(turn, turn, turn, turn);
  reinterpret_cast<Launch>(launch_)(function_, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters.list(), nullptr);
}

void Launcher::wait() { reinterpret_cast<int (*)()>(wait_)(); }

int launch_often(const std::string& path) {
  Launcher launcher(path);
  for (unsigned i = 0; i < often; ++i) launcher.launch(i);
  launcher.wait();
  return 0;
}

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
  measure_allocations(function);
  return 0;
}

int measure_step(const std::string& path) {
  open(path);
  void *module = nullptr, *function = nullptr;
  call("cuModuleLoadData", &module, kernel);
  call("cuModuleGetFunction", &function, module, "nothing");
  std::printf("step %.3f\n", step_ms(function));
  return 0;
}

}  // namespace bench
