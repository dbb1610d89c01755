// What a server does to peers that break the protocol, and to whoever comes next; what a client does when its worker
// dies.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "api/cuda/abi.h"
#include "api/opcode.h"
#include "api/window.h"
#include "client/target.h"
#include "link/address.h"
#include "wire/hello.h"
#include "wire/message.h"

namespace {

namespace fs = std::filesystem;
using wire::Kind;

// A server of its own for every test.
class Server : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("outboard-hostile-" + std::to_string(getpid()));
    fs::create_directory(folder_);
    target_ = "unix:" + (folder_ / "socket").string();
    server_ = fork();
    if (server_ == 0) {
      freopen((folder_ / "log").c_str(), "w", stderr);
      const char* device = getenv("OUTBOARD_TEST_DEVICE");
      execl(OUTBOARD, OUTBOARD, "serve", "--device", device ? device : "cpu", "--listen", target_.c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 200 && log().find("listening") == std::string::npos; ++i) usleep(20000);
  }
  void TearDown() override {
    kill(server_, SIGTERM);
    int status = 0;
    waitpid(server_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << log();
    EXPECT_EQ(log().find("worker-killed"), std::string::npos) << log();
    fs::remove_all(folder_);
  }

  std::string log() const {
    std::ifstream file(folder_ / "log");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  links::Link connect() { return std::move(links::connect(links::parse(target_).value(), 2000).value()); }
  links::Link greeted() {
    auto greeted = client::greet(target_, "hostile", 10000);
    EXPECT_TRUE(greeted.ok()) << greeted.error();
    return std::move(greeted.value().link);
  }
  // The next client is served as if nothing had been.
  void expect_served() {
    auto next = client::greet(target_, "next", 10000);
    ASSERT_TRUE(next.ok()) << next.error() << log();
    EXPECT_EQ(next.value().welcome.inventory.devices.size(), 1u);
  }
  std::vector<pid_t> workers() const {
    std::ifstream children("/proc/" + std::to_string(server_) + "/task/" + std::to_string(server_) + "/children");
    std::vector<pid_t> found;
    for (pid_t pid; children >> pid;) found.push_back(pid);
    return found;
  }
  bool all_workers_gone() const {
    for (int i = 0; i < 250 && !workers().empty(); ++i) usleep(20000);
    return workers().empty();
  }

  fs::path folder_;
  std::string target_;
  pid_t server_ = 0;
};

bool send(links::Link& link, Kind kind, uint64_t number, std::span<const std::byte> payload, uint32_t claimed) {
  wire::FrameHead head{claimed, kind, number};
  iovec pieces[] = {{&head, sizeof head}, {const_cast<std::byte*>(payload.data()), payload.size()}};
  return link.write_all(pieces);
}
bool send(links::Link& link, Kind kind, uint64_t number, std::span<const std::byte> payload) {
  return send(link, kind, number, payload, static_cast<uint32_t>(payload.size()));
}

// True when the peer closes within five seconds; whatever it says before is dropped.
bool closes(links::Link& link) {
  char bytes[4096];
  for (;;) {
    if (!link.channel().wait(true, false, 5000).reading) return false;
    if (link.read_some(bytes, sizeof bytes) <= 0) return true;
  }
}

std::vector<std::byte> call_of(uint32_t opcode, size_t parameter_bytes = 0) {
  std::vector<std::byte> payload(sizeof(wire::CallHead) + parameter_bytes);
  wire::CallHead head{opcode, 0, 0};
  std::memcpy(payload.data(), &head, sizeof head);
  return payload;
}

TEST_F(Server, RefusesOtherVersionsWithASentence) {
  links::Link link = connect();
  wire::Writer hello;
  write(hello, wire::Hello{90, 99, api::window_base, api::window_size, "outboard 9", "test", "", "", "", 0, ""});
  ASSERT_TRUE(send(link, Kind::hello, 0, hello.bytes()));
  wire::FrameHead head{};
  links::Input input(link);
  ASSERT_TRUE(input.read(&head, sizeof head));
  ASSERT_EQ(head.kind, Kind::welcome);
  std::vector<std::byte> payload(head.size);
  ASSERT_TRUE(input.read(payload.data(), payload.size()));
  auto welcome = wire::read_welcome(payload);
  ASSERT_TRUE(welcome.ok());
  EXPECT_EQ(welcome.value().version, 0u);
  EXPECT_NE(welcome.value().refusal.find("update Outboard on the server"), std::string::npos)
      << welcome.value().refusal;
  expect_served();
}

TEST_F(Server, RefusesChecksThatThereAreNot) {
  auto greeted = client::greet(target_, "next", 10000, "everything");
  ASSERT_FALSE(greeted.ok());
  EXPECT_NE(greeted.error().find("cannot check kernels like that"), std::string::npos) << greeted.error();
  EXPECT_TRUE(client::greet(target_, "next", 10000, "memory,races").ok());
  expect_served();
}

TEST_F(Server, DropsWhoeverDoesNotGreet) {
  links::Link link = connect();
  char request[] = "GET / HTTP/1.0\r\nHost: here\r\n\r\n";
  iovec piece[] = {{request, sizeof request}};
  ASSERT_TRUE(link.write_all(piece));
  EXPECT_TRUE(closes(link));
  expect_served();
}

TEST_F(Server, DropsForgedLengths) {
  for (uint32_t claimed : {0xfffffff8u, 13u, 0x80000000u}) {
    links::Link link = greeted();
    ASSERT_TRUE(send(link, Kind::call, 1, {}, claimed));
    EXPECT_TRUE(closes(link)) << claimed;
  }
  links::Link before = connect();
  ASSERT_TRUE(send(before, Kind::hello, 0, {}, 1 << 20));
  EXPECT_TRUE(closes(before));
  expect_served();
}

TEST_F(Server, SurvivesASocketClosedInTheMiddleOfACall) {
  {
    links::Link link = greeted();
    auto call = call_of(api::opcode("cuMemcpyHtoD_v2"), 64);
    ASSERT_TRUE(send(link, Kind::call, 1, call, 1 << 20));
  }
  EXPECT_TRUE(all_workers_gone());
  expect_served();
}

TEST_F(Server, SharedMemoryServesAndItsForgedFramesEndTheSession) {
  auto shared = client::greet(target_, "hostile", 10000, {}, wire::shared_memory);
  ASSERT_TRUE(shared.ok()) << shared.error();
  ASSERT_TRUE(shared.value().host_area.valid());
  links::Link& link = shared.value().link;
  links::Input input(link);
  wire::FrameHead head{};
  wire::ReplyHead reply{};
  ASSERT_TRUE(send(link, Kind::call, 7, call_of(0xdeadbeef)));
  ASSERT_TRUE(input.read(&head, sizeof head) && input.read(&reply, sizeof reply));
  EXPECT_EQ(reply.result, CUDA_ERROR_NOT_SUPPORTED);
  // Addresses of the host area that are not mapped are refused.
  auto copy = call_of(api::opcode("obCopyFromShared"), 24);
  uint64_t parameters[] = {api::window_base, api::host_area_base, 4096};
  std::memcpy(copy.data() + sizeof(wire::CallHead), parameters, sizeof parameters);
  ASSERT_TRUE(send(link, Kind::call, 8, copy));
  ASSERT_TRUE(input.read(&head, sizeof head) && input.read(&reply, sizeof reply));
  EXPECT_NE(reply.result, CUDA_SUCCESS);
  ASSERT_TRUE(send(link, Kind::call, 9, {}, 0xfffffff8u));
  EXPECT_TRUE(closes(link));
  EXPECT_TRUE(all_workers_gone());
  expect_served();
}

// Small and large calls, of which some lie in the ring while they are decoded.
TEST_F(Server, EndsOneSessionForEachBadRequestInSharedMemory) {
  constexpr const char* names[] = {"cuMemcpyHtoD_v2",       "cuMemcpyHtoDAsync_v2", "obHostWrite", "obModuleLoad",
                                   "obCopy3DFromHost",      "obGraphBytes",         "obLaunch",    "obStreamMemOps",
                                   "obCopyFromSharedAsync", "obCopyToShared",       "obHostMap",   "obHostUnmap"};
  std::mt19937 random(20261126);
  for (int session = 0; session < 12; ++session) {
    auto shared = client::greet(target_, "hostile", 10000, {}, wire::shared_memory);
    ASSERT_TRUE(shared.ok()) << shared.error();
    for (int i = 0; i < 60; ++i) {
      size_t size = random() % 3 ? random() % 24 * 8 : (40 << 10) + random() % 1024 * 8;
      auto call = call_of(api::opcode(names[random() % std::size(names)]), size);
      for (size_t at = sizeof(wire::CallHead); at < std::min<size_t>(call.size(), 128); ++at)
        call[at] = static_cast<std::byte>(random() % 3 ? 0 : random());
      if (!send(shared.value().link, random() % 2 ? Kind::post : Kind::call, static_cast<uint64_t>(i), call)) break;
    }
  }
  EXPECT_TRUE(all_workers_gone());
  expect_served();
}

TEST_F(Server, AnswersFunctionsThatItDoesNotHave) {
  links::Link link = greeted();
  ASSERT_TRUE(send(link, Kind::call, 7, call_of(0xdeadbeef)));
  wire::FrameHead head{};
  wire::ReplyHead reply{};
  links::Input input(link);
  ASSERT_TRUE(input.read(&head, sizeof head) && input.read(&reply, sizeof reply));
  EXPECT_EQ(head.kind, Kind::reply);
  EXPECT_EQ(head.number, 7u);
  EXPECT_EQ(reply.result, CUDA_ERROR_NOT_SUPPORTED);
}

TEST_F(Server, DropsCallsThatDoNotFitTheirFunction) {
  links::Link link = greeted();
  ASSERT_TRUE(send(link, Kind::call, 1, call_of(api::opcode("cuMemAlloc_v2"))));
  EXPECT_TRUE(closes(link));
  EXPECT_NE(log().find("malformed-call function=cuMemAlloc_v2"), std::string::npos) << log();
  expect_served();
}

TEST_F(Server, DropsPostsThatResembleNone) {
  links::Link link = greeted();
  ASSERT_TRUE(send(link, Kind::again, 0, {}));
  EXPECT_TRUE(closes(link));
  EXPECT_NE(log().find("a post resembles none that came before"), std::string::npos) << log();
  std::mt19937_64 random(20261126);
  for (int session = 0; session < 6; ++session) {
    links::Link other = greeted();
    for (int i = 0; i < 200; ++i) {
      auto call = call_of(api::opcode("obLaunch"), random() % 24 * 8);
      for (size_t at = sizeof(wire::CallHead); at < call.size(); ++at) call[at] = static_cast<std::byte>(random());
      const uint64_t words = random() % 3;
      if (!send(other, Kind::post, 0, call) ||
          !send(other, Kind::again, (random() % 40) << 48 | ((uint64_t{1} << words) - 1), {call.data(), words * 8}))
        break;
    }
  }
  EXPECT_TRUE(all_workers_gone());
  expect_served();
}

TEST_F(Server, EndsOneSessionForEachBadRequestAndNothingElse) {
  constexpr const char* names[] = {"cuMemAlloc_v2",
                                   "cuMemFree_v2",
                                   "cuMemcpyDtoH_v2",
                                   "cuMemsetD8_v2",
                                   "obModuleLoad",
                                   "obLaunch",
                                   "obCopy3DFromHost",
                                   "obHostMap",
                                   "obHostWrite",
                                   "obHostRead",
                                   "cuCtxCreate_v2",
                                   "cuStreamCreate",
                                   "obCopyToHostAsync",
                                   "cuEventRecord",
                                   "obModuleDescribe",
                                   "cuStreamSynchronize",
                                   "cuArray3DCreate_v2",
                                   "cuMipmappedArrayCreate",
                                   "cuMipmappedArrayGetLevel",
                                   "obTextureCreate",
                                   "obSurfaceCreate",
                                   "cuTexObjectDestroy",
                                   "cuSurfObjectDestroy",
                                   "obCopy3D",
                                   "obCopy3DToHost",
                                   "cuTexRefCreate",
                                   "cuTexRefSetAddress_v2",
                                   "cuTexRefSetBorderColor",
                                   "obModuleTexRef"};
  std::mt19937 random(20261124);
  for (int session = 0; session < 12; ++session) {
    links::Link link = greeted();
    for (int i = 0; i < 200; ++i) {
      auto call = call_of(api::opcode(names[random() % std::size(names)]), random() % 24 * 8);
      for (size_t at = sizeof(wire::CallHead); at < call.size(); ++at)
        call[at] = static_cast<std::byte>(random() % 3 ? 0 : random());
      if (!send(link, random() % 2 ? Kind::post : Kind::call, static_cast<uint64_t>(i), call)) break;
    }
  }
  EXPECT_TRUE(all_workers_gone());
  expect_served();
}

TEST_F(Server, SaysThatItIsFull) {
  kill(server_, SIGTERM);
  waitpid(server_, nullptr, 0);
  fs::resize_file(folder_ / "log", 0);
  server_ = fork();
  if (server_ == 0) {
    freopen((folder_ / "log").c_str(), "w", stderr);
    execl(OUTBOARD, OUTBOARD, "serve", "--max-clients", "1", "--listen", target_.c_str(), nullptr);
    _exit(127);
  }
  for (int i = 0; i < 200 && log().find("listening") == std::string::npos; ++i) usleep(20000);
  links::Link first = greeted();
  auto second = client::greet(target_, "second", 10000);
  EXPECT_NE(second.error().find("the server is full"), std::string::npos) << second.error();
}

#ifndef WITHOUT_STAND_IN

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

TEST_F(Server, AKilledClientFreesItsWorkerEvenInTheMiddleOfAnEndlessKernel) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    setenv("OUTBOARD_TARGET", target_.c_str(), 1);
    Driver driver;
    CUmodule module = nullptr;
    CUfunction spin = nullptr;
    CUdeviceptr flag = 0;
    bool good = driver.start() == CUDA_SUCCESS && driver.call("cuModuleLoadData", &module, endless) == CUDA_SUCCESS &&
                driver.call("cuModuleGetFunction", &spin, module, "spin") == CUDA_SUCCESS &&
                driver.call("cuMemAlloc_v2", &flag, size_t{4}) == CUDA_SUCCESS &&
                driver.call("cuMemsetD8_v2", flag, static_cast<unsigned char>(0), size_t{4}) == CUDA_SUCCESS;
    void* parameters[] = {&flag};
    good = good && driver.call("cuLaunchKernel", spin, 1u, 1u, 1u, 1u, 1u, 1u, 0u, CUstream{},
                               static_cast<void**>(parameters), static_cast<void**>(nullptr)) == CUDA_SUCCESS;
    if (write(ready[1], &good, 1) != 1) _exit(3);
    driver.call("cuCtxSynchronize");
    _exit(4);
  }
  bool good = false;
  ASSERT_EQ(read(ready[0], &good, 1), 1);
  ASSERT_TRUE(good);
  usleep(300000);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(all_workers_gone());
  expect_served();
}

#endif

}  // namespace
