// A program whose connection is cut a thousand times gets the results of one whose connection holds: nothing is lost,
// nothing runs twice, nothing waits for ever.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "api/cuda/abi.h"
#include "tests/links/proxy.h"

namespace {

namespace fs = std::filesystem;

constexpr int programs_at_once = 4;

// What the program under test tells, in memory shared with it.
struct Progress {
  std::atomic<bool> stop;
  std::atomic<int> rounds;
  CUresult error;
  int wrong_sums, wrong_counts;
};

class Cut : public testing::Test {
 protected:
  void start_server(const char* grace, const std::string& scheme) {
    folder_ = fs::temp_directory_path() / ("outboard-cut-" + std::to_string(getpid()));
    fs::create_directory(folder_);
    port_ = 20000 + getpid() % 20000;
    scheme_ = scheme;
    target_ = scheme + "127.0.0.1:" + std::to_string(port_);
    setenv("XDG_STATE_HOME", folder_.c_str(), 1);
    server_ = fork();
    if (server_ == 0) {
      freopen((folder_ / "log").c_str(), "w", stderr);
      execl(OUTBOARD, OUTBOARD, "serve", "--grace", grace, "--listen", target_.c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 200 && log("log").find("listening") == std::string::npos; ++i) usleep(20000);
  }
  void TearDown() override {
    kill(server_, SIGTERM);
    int status = 0;
    waitpid(server_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << log("log");
    EXPECT_EQ(log("log").find("worker-killed"), std::string::npos) << log("log");
    fs::remove_all(folder_);
  }
  std::string log(const char* name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // "#..." of the key that the server says it has; empty: it has none.
  std::string fingerprint() const {
    std::string text = log("log"), mark = "fingerprint=";
    size_t at = text.find(mark);
    return at == std::string::npos ? "" : "#" + text.substr(at + mark.size(), 43);
  }
  // Connections that came beside a session's first.
  size_t joined() const {
    const std::string text = log("log"), mark = "connection-joined";
    size_t count = 0;
    for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += mark.size()) ++count;
    return count;
  }
  size_t workers() const {
    std::ifstream children("/proc/" + std::to_string(server_) + "/task/" + std::to_string(server_) + "/children");
    size_t count = 0;
    for (pid_t pid; children >> pid;) ++count;
    return count;
  }
  template <class Body>
  pid_t start_program(int port, Body body) {
    pid_t child = fork();
    if (child) return child;
    setenv("OUTBOARD_TARGET", (scheme_ + "127.0.0.1:" + std::to_string(port) + fingerprint()).c_str(), 1);
    freopen((folder_ / "client").c_str(), "a", stderr);
    exit(body());
  }
  int end_of(pid_t child, int seconds) {
    int status = 0;
    for (int i = 0; i < seconds * 50; ++i) {
      if (waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
      usleep(20000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return 2000;
  }

  void cut(const std::string& scheme, int times, size_t count, size_t bulk);

  fs::path folder_;
  std::string target_, scheme_;
  pid_t server_ = 0;
  int port_ = 0;
  Progress* progress_ = static_cast<Progress*>(
      mmap(nullptr, programs_at_once * sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
};

struct Driver {
  void* library = dlopen(REMOTE_LIBRARY, RTLD_NOW);
  CUresult error = CUDA_SUCCESS;  // the first one
  template <class... A>
  void call(const char* name, A... arguments) {
    auto function = reinterpret_cast<CUresult (*)(A...)>(dlsym(library, name));
    CUresult result = function ? function(arguments...) : CUDA_ERROR_NOT_FOUND;
    if (error == CUDA_SUCCESS) error = result;
  }
};

constexpr size_t few = 16 << 10, many = 1 << 20;  // numbers that are copied there and back

// Adds `add` to every element, and one to a counter for every launch.
constexpr const char* kernels = R"(.version 7.0
.target sm_75
.address_size 64
.visible .entry work(.param .u64 values, .param .u32 add, .param .u64 counter)
{ .reg .b64 %d<4>; .reg .b32 %r<6>; .reg .pred %p;
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.u32 %r1, %r1, %r2, %r3;
  ld.param.u64 %d1, [values]; mul.wide.u32 %d2, %r1, 4; add.u64 %d1, %d1, %d2;
  ld.param.u32 %r4, [add]; ld.global.u32 %r5, [%d1]; add.u32 %r5, %r5, %r4; st.global.u32 [%d1], %r5;
  setp.ne.u32 %p, %r1, 0; @%p ret;
  ld.param.u64 %d3, [counter]; atom.global.add.u32 %r5, [%d3], 1; ret; }
)";

// Rounds of copies, launches and waits until it is told to stop; compares each with what the host computes.
int work_until_told(Progress& progress, size_t count) {
  Driver driver;
  CUcontext context = nullptr;
  CUmodule module = nullptr;
  CUfunction work = nullptr;
  CUstream stream = nullptr;
  CUdeviceptr values = 0, counter = 0;
  driver.call("cuInit", 0u);
  driver.call("cuDevicePrimaryCtxRetain", &context, 0);
  driver.call("cuCtxSetCurrent", context);
  driver.call("cuModuleLoadData", &module, kernels);
  driver.call("cuModuleGetFunction", &work, module, "work");
  driver.call("cuStreamCreate", &stream, 1u);
  driver.call("cuMemAlloc_v2", &values, count * 4);
  driver.call("cuMemAlloc_v2", &counter, size_t{4});
  driver.call("cuMemsetD8_v2", counter, static_cast<unsigned char>(0), size_t{4});
  std::vector<uint32_t> sent(count), got(count);
  uint32_t launched = 0;
  while (!progress.stop && driver.error == CUDA_SUCCESS) {
    uint32_t round = ++progress.rounds, added = 0;
    for (size_t i = 0; i < count; ++i) sent[i] = static_cast<uint32_t>(i * 2654435761u + round);
    driver.call("cuMemcpyHtoDAsync_v2", values, static_cast<const void*>(sent.data()), count * 4, stream);
    for (uint32_t launch = 1; launch <= (count > few ? 2 : 20); ++launch) {
      void* parameters[] = {&values, &launch, &counter};
      driver.call("cuLaunchKernel", work, static_cast<unsigned>(count / 256), 1u, 1u, 256u, 1u, 1u, 0u, stream,
                  static_cast<void**>(parameters), static_cast<void**>(nullptr));
      added += launch;
      ++launched;
      if (launch % 5 == 0) driver.call("cuStreamSynchronize", stream);
    }
    driver.call("cuMemcpyDtoHAsync_v2", static_cast<void*>(got.data()), values, count * 4, stream);
    driver.call("cuStreamSynchronize", stream);
    uint32_t ran = 0;
    driver.call("cuMemcpyDtoH_v2", static_cast<void*>(&ran), counter, size_t{4});
    for (uint32_t& value : sent) value += added;
    if (std::accumulate(sent.begin(), sent.end(), 0u) != std::accumulate(got.begin(), got.end(), 0u) || sent != got)
      ++progress.wrong_sums;
    if (ran != launched) ++progress.wrong_counts;
  }
  progress.error = driver.error;
  return 0;
}

void Cut::cut(const std::string& scheme, int times, size_t count, size_t bulk) {
  start_server("60", scheme);
  faults::Proxy proxy(port_, 20261126, bulk);
  pid_t programs[programs_at_once];
  for (int i = 0; i < programs_at_once; ++i)
    programs[i] = start_program(proxy.port(), [this, i, count] { return work_until_told(progress_[i], count); });
  for (int i = 0; i < 200 * 50 && proxy.cuts() < times; ++i) usleep(20000);
  EXPECT_GE(proxy.cuts(), times);
  proxy.calm();
  for (int i = 0; i < programs_at_once; ++i) progress_[i].stop = true;
  int rounds = 0;
  for (int i = 0; i < programs_at_once; ++i) {
    EXPECT_EQ(end_of(programs[i], 30), 0) << log("client");
    EXPECT_EQ(progress_[i].error, CUDA_SUCCESS) << log("client");
    EXPECT_EQ(progress_[i].wrong_sums, 0);
    EXPECT_EQ(progress_[i].wrong_counts, 0) << "a launch ran twice or never";
    EXPECT_GT(progress_[i].rounds, 3);
    rounds += progress_[i].rounds;
  }
  EXPECT_EQ(log("client"), "") << "an unbroken run says nothing";
  std::printf("%d cuts, %d rounds\n", proxy.cuts(), rounds);
  for (int i = 0; i < 100 && workers(); ++i) usleep(20000);
  EXPECT_EQ(workers(), 0u) << "a program that has ended is not waited for";
}

TEST_F(Cut, AThousandTimesChangesNoResult) { cut("tcp:", 800, few, 1); }
TEST_F(Cut, EncryptedConnectionsComeBackToo) { cut("tls:", 200, few, 1); }

// Bulk on two connections, each of which is cut by itself.
TEST_F(Cut, SecondConnectionsAreCutToo) {
  setenv("OUTBOARD_CONNECTIONS", "2", 1);
  cut("tls:", 400, many, 120);
  std::printf("%zu second connections\n", joined());
  EXPECT_GT(joined(), 50u);
}

TEST_F(Cut, WhenTheGraceEndsThereIsAnErrorAndASentence) {
  start_server("2", "tcp:");
  faults::Proxy proxy(port_, 1);
  pid_t program = start_program(proxy.port(), [this] {
    work_until_told(progress_[0], few);
    return progress_[0].error == CUDA_ERROR_DEVICE_UNAVAILABLE ? 0 : 1;
  });
  for (int i = 0; i < 500 && progress_[0].rounds < 2; ++i) usleep(20000);
  proxy.go_dark();
  EXPECT_EQ(end_of(program, 15), 0) << progress_[0].error << log("client");
  EXPECT_NE(log("client").find("did not come back within 2 s"), std::string::npos) << log("client");
  for (int i = 0; i < 300 && workers(); ++i) usleep(20000);
  EXPECT_EQ(workers(), 0u) << "the worker waits no longer than the grace";
}

}  // namespace
