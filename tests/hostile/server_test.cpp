// What a server does to peers that break the protocol, and to whoever comes next.
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
#include "tests/hostile/frames.h"
#include "tests/hostile/server.h"
#include "wire/hello.h"
#include "wire/message.h"

namespace {

using hostile::call_of, hostile::closes, hostile::send, hostile::Server;
using wire::Kind;
namespace fs = std::filesystem;

TEST_F(Server, RefusesOtherVersionsWithASentence) {
  links::Link link = connect();
  wire::Writer hello;
  write(hello,
        wire::Hello{90, 99, api::window_base, api::window_size, "outboard 9", "test", "", "", "", 0, "", "", 0, 0});
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

// Byte by byte: the greeting as a whole has its time.
TEST_F(Server, DropsWhoGreetsTooSlowly) {
  links::Link link = connect();
  wire::FrameHead head{512, Kind::hello, 0};
  const auto* bytes = reinterpret_cast<const char*>(&head);
  bool dropped = false;
  for (int i = 0; i < 75 && !dropped; ++i) {
    char byte = i < static_cast<int>(sizeof head) ? bytes[i] : 0;
    iovec piece[] = {{&byte, 1}};
    dropped = !link.write_all(piece) || link.channel().wait(true, false, 200).reading;
  }
  EXPECT_TRUE(dropped) << "it takes ten seconds, and these were fifteen";
  EXPECT_TRUE(all_workers_gone());
  expect_served();
}

// More than it has places for, which say nothing; then they are gone. Nobody else notices.
TEST_F(Server, ACrowdThatSaysNothingLeavesNothing) {
  auto open_files = [this] {
    return std::distance(fs::directory_iterator("/proc/" + std::to_string(server_) + "/fd"), fs::directory_iterator());
  };
  auto answers = [](links::Link& link, uint64_t number) {
    wire::FrameHead head{};
    wire::ReplyHead reply{};
    return send(link, Kind::call, number, call_of(0xdeadbeef)) && link.read_all(&head, sizeof head, 10000) &&
           link.read_all(&reply, sizeof reply, 10000) && head.number == number;
  };
  links::Link served = greeted();
  ASSERT_TRUE(answers(served, 1));
  const auto before = open_files();
  for (int wave = 0; wave < 3; ++wave) {
    std::vector<links::Link> crowd;
    for (int i = 0; i < 400; ++i) crowd.push_back(connect());
    for (int i = 0; i < 500 && log().find("too many connections") == std::string::npos; ++i) usleep(20000);
    EXPECT_NE(log().find("too many connections"), std::string::npos) << log();
    EXPECT_TRUE(answers(served, 2)) << log();
    crowd.clear();
  }
  auto as_before = [&] { return workers().size() == 1 && open_files() == before; };
  for (int i = 0; i < 500 && !as_before(); ++i) usleep(20000);
  EXPECT_EQ(workers().size(), 1u);
  EXPECT_EQ(open_files(), before);
  EXPECT_TRUE(answers(served, 3));
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

}  // namespace
