// What a client sees when its worker dies, and a server when its client does.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "api/cuda/abi.h"
#include "api/window.h"
#include "tests/hostile/server.h"

namespace {

using hostile::Server;
namespace fs = std::filesystem;

// The driver API of the stand-in, in a child process of the test, because a process connects once.
struct Driver {
  void* library = dlopen(REMOTE_LIBRARY, RTLD_NOW);
  template <class... A>
  CUresult call(const char* name, A... arguments) {
    auto function = reinterpret_cast<CUresult (*)(A...)>(dlsym(library, name));
    return function ? function(arguments...) : CUDA_ERROR_NOT_FOUND;
  }
  CUresult start() {
    CUcontext context = nullptr;
    if (CUresult result = call("cuInit", 0u)) return result;
    if (CUresult result = call("cuDevicePrimaryCtxRetain", &context, 0)) return result;
    return call("cuCtxSetCurrent", context);
  }
};

// A kernel that never ends.
constexpr const char* endless =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .entry spin(.param .u64 p)\n{\n.reg .u64 %a; .reg .u32 %v; .reg .pred %q;\n"
    "ld.param.u64 %a, [p];\nAGAIN:\nld.volatile.global.u32 %v, [%a];\nsetp.eq.u32 %q, %v, 0;\n@%q bra "
    "AGAIN;\nret;\n}\n";

TEST_F(Server, AKilledWorkerIsAnErrorToItsClientAndTheNextOneIsServed) {
  int ready[2], go[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(go), 0);
  pid_t child = fork();
  if (child == 0) {
    setenv("OUTBOARD_TARGET", target_.c_str(), 1);
    freopen((folder_ / "client").c_str(), "w", stderr);
    Driver driver;
    char byte = driver.start() == CUDA_SUCCESS;
    if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(3);
    CUdeviceptr address = 0;
    CUresult first = driver.call("cuMemAlloc_v2", &address, size_t{64});
    CUresult second =
        driver.call("cuMemsetD8_v2", CUdeviceptr{api::window_base}, static_cast<unsigned char>(1), size_t{1});
    _exit(first == CUDA_ERROR_DEVICE_UNAVAILABLE && second == CUDA_ERROR_DEVICE_UNAVAILABLE ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 1);
  ASSERT_EQ(workers().size(), 1u);
  kill(workers()[0], SIGTERM);
  EXPECT_TRUE(all_workers_gone());
  ASSERT_EQ(write(go[1], &byte, 1), 1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  std::ifstream said(folder_ / "client");
  std::string text((std::istreambuf_iterator<char>(said)), {});
  EXPECT_NE(text.find("connection lost"), std::string::npos) << text;
  // SIGTERM to a worker is what the listener logs as killed; that is this test's own doing.
  expect_served();
  fs::resize_file(folder_ / "log", 0);
}

// Starts the endless kernel on the default stream.
bool start_endless(Driver& driver, CUdeviceptr& flag) {
  CUmodule module = nullptr;
  CUfunction spin = nullptr;
  bool good = driver.start() == CUDA_SUCCESS && driver.call("cuModuleLoadData", &module, endless) == CUDA_SUCCESS &&
              driver.call("cuModuleGetFunction", &spin, module, "spin") == CUDA_SUCCESS &&
              driver.call("cuMemAlloc_v2", &flag, size_t{4}) == CUDA_SUCCESS &&
              driver.call("cuMemsetD8_v2", flag, static_cast<unsigned char>(0), size_t{4}) == CUDA_SUCCESS;
  void* parameters[] = {&flag};
  return good && driver.call("cuLaunchKernel", spin, 1u, 1u, 1u, 1u, 1u, 1u, 0u, CUstream{},
                             static_cast<void**>(parameters), static_cast<void**>(nullptr)) == CUDA_SUCCESS;
}

// A client in a process of its own that starts the endless kernel, goes on with `then` and never ends.
template <class Then>
pid_t start_client(const std::string& target, const Then& then) {
  int ready[2];
  EXPECT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    setenv("OUTBOARD_TARGET", target.c_str(), 1);
    Driver driver;
    CUdeviceptr flag = 0;
    const bool good = start_endless(driver, flag);
    if (write(ready[1], &good, 1) != 1) _exit(3);
    then(driver);
    _exit(4);
  }
  bool good = false;
  EXPECT_EQ(read(ready[0], &good, 1), 1);
  EXPECT_TRUE(good);
  for (int end : ready) close(end);
  return child;
}

void end_client(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_F(Server, AKilledClientFreesItsWorkerEvenInTheMiddleOfAnEndlessKernel) {
  const pid_t child = start_client(target_, [](Driver& driver) { driver.call("cuCtxSynchronize"); });
  usleep(300000);
  end_client(child);
  EXPECT_TRUE(all_workers_gone());
  expect_served();
}

size_t resident_mib(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/statm");
  size_t all = 0, resident = 0;
  status >> all >> resident;
  return resident * 4096 >> 20;
}

// Behind a kernel that never ends, copies and launches queue up: the worker takes no more than it has room for.
TEST_F(Server, AnEndlessQueueIsHeldBack) {
  const pid_t child = start_client(target_, [](Driver& driver) {
    constexpr size_t size = size_t{32} << 20;
    CUdeviceptr memory = 0;
    const std::vector<char> bytes(size);
    if (driver.call("cuMemAlloc_v2", &memory, size) != CUDA_SUCCESS) _exit(3);
    while (driver.call("cuMemcpyHtoDAsync_v2", memory, static_cast<const void*>(bytes.data()), size, CUstream{}) ==
           CUDA_SUCCESS)
      continue;
  });
  ASSERT_EQ(workers().size(), 1u);
  size_t most = 0;
  for (int i = 0; i < 40; ++i, usleep(100000)) most = std::max(most, resident_mib(workers().at(0)));
  EXPECT_GT(most, 200u) << "it takes what it has room for";
  EXPECT_LT(most, 900u);
  expect_served();
  end_client(child);
  EXPECT_TRUE(all_workers_gone());
}

}  // namespace
