// A call from the client's encoder through the worker's binder to a device made for the test, and back; and
// what a hostile client sends.
#include "server/call.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "api/opcode.h"
#include "api/window.h"
#include "client/encode.h"
#include "device/refusing.h"
#include "server/rows.h"

namespace {

using namespace api::role;

std::vector<std::byte>& memory() {
  static std::vector<std::byte> bytes(4096);
  return bytes;
}
constexpr CUdeviceptr base = api::window_base + 0x1000;

int destroyed = 0;
int fake_stream, fake_event;

device::Driver make_driver() {
  device::Driver driver = device::refusing_driver();
  driver.cuMemAlloc_v2 = [](CUdeviceptr* p, size_t) { return *p = base, CUDA_SUCCESS; };
  driver.cuMemcpyHtoD_v2 = [](CUdeviceptr d, const void* s, size_t n) {
    return std::memcpy(memory().data() + (d - base), s, n), CUDA_SUCCESS;
  };
  driver.cuMemcpyDtoH_v2 = [](void* d, CUdeviceptr s, size_t n) {
    return std::memcpy(d, memory().data() + (s - base), n), CUDA_SUCCESS;
  };
  driver.cuStreamCreate = [](CUstream* s, unsigned) {
    return *s = reinterpret_cast<CUstream>(&fake_stream), CUDA_SUCCESS;
  };
  driver.cuStreamSynchronize = [](CUstream s) {
    return s == reinterpret_cast<CUstream>(&fake_stream) || !s ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  };
  driver.cuStreamDestroy_v2 = [](CUstream) { return ++destroyed, CUDA_SUCCESS; };
  driver.cuEventCreate = [](CUevent* e, unsigned) { return *e = reinterpret_cast<CUevent>(&fake_event), CUDA_SUCCESS; };
  return driver;
}

struct Server {
  device::Driver driver = make_driver();
  server::Objects objects;

  // What the worker does with one request; false: the session ends.
  bool answer(std::span<std::byte> request, std::vector<std::byte>& reply) {
    server::Call call(objects, request);
    const server::Function* function = server::find_function(call.head().opcode);
    if (!function) return false;
    function->serve(driver, call);
    reply.assign(call.reply().begin(), call.reply().end());
    return call.well_formed();
  }

  template <size_t n>
  CUresult run(const char* name, std::array<api::Role, n> roles) {
    wire::Writer request;
    client::encode_request(request, api::opcode(name), 0, roles);
    std::vector<std::byte> reply;
    if (!answer(request.bytes(), reply)) return CUDA_ERROR_DEVICE_UNAVAILABLE;
    return client::decode_reply(reply, roles);
  }
};

CUresult copy_in(Server& server, CUdeviceptr d, const void* s, size_t n) {
  return server.run("cuMemcpyHtoD_v2", std::array<api::Role, 3>{address(d, n), in_bytes(s, n), value(n)});
}
CUresult copy_out(Server& server, void* d, CUdeviceptr s, size_t n) {
  return server.run("cuMemcpyDtoH_v2", std::array<api::Role, 3>{out_bytes(d, n), address(s, n), value(n)});
}
CUresult create_stream(Server& server, CUstream number) {
  CUstream* p = &number;
  unsigned flags = 0;
  return server.run("cuStreamCreate", std::array<api::Role, 2>{new_handle(p), value(flags)});
}
CUresult synchronize(Server& server, CUstream stream) {
  return server.run("cuStreamSynchronize", std::array<api::Role, 1>{handle(stream)});
}
CUstream numbered(uint64_t number) { return reinterpret_cast<CUstream>(number); }

TEST(Call, BytesGoThereAndBack) {
  Server server;
  CUdeviceptr p = 0;
  CUdeviceptr* out_p = &p;
  size_t size = 64;
  EXPECT_EQ(server.run("cuMemAlloc_v2", std::array<api::Role, 2>{out(out_p), value(size)}), CUDA_SUCCESS);
  EXPECT_EQ(p, base);
  char sent[] = "hello, device", back[sizeof sent] = {};
  EXPECT_EQ(copy_in(server, p, sent, sizeof sent), CUDA_SUCCESS);
  EXPECT_EQ(copy_out(server, back, p, sizeof back), CUDA_SUCCESS);
  EXPECT_STREQ(back, sent);
}

TEST(Call, AHandleIsTheClientsNumber) {
  Server server;
  EXPECT_EQ(create_stream(server, numbered(100)), CUDA_SUCCESS);
  EXPECT_EQ(synchronize(server, numbered(100)), CUDA_SUCCESS);
  EXPECT_EQ(synchronize(server, nullptr), CUDA_SUCCESS) << "the default stream needs no object";
}

TEST(Call, AGuessedHandleIsTheProgramsErrorAndKeepsTheSession) {
  Server server;
  EXPECT_EQ(synchronize(server, reinterpret_cast<CUstream>(&fake_stream)), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(create_stream(server, numbered(100)), CUDA_SUCCESS);
}

TEST(Call, AHandleOfAnotherTypeIsRefused) {
  Server server;
  CUevent event = reinterpret_cast<CUevent>(uint64_t{7});
  CUevent* p = &event;
  unsigned flags = 0;
  EXPECT_EQ(server.run("cuEventCreate", std::array<api::Role, 2>{new_handle(p), value(flags)}), CUDA_SUCCESS);
  EXPECT_EQ(synchronize(server, numbered(7)), CUDA_ERROR_INVALID_HANDLE);
}

TEST(Call, ADestroyedHandleIsGone) {
  Server server;
  create_stream(server, numbered(100));
  CUstream stream = numbered(100);
  EXPECT_EQ(server.run("cuStreamDestroy_v2", std::array<api::Role, 1>{gone(stream)}), CUDA_SUCCESS);
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(synchronize(server, numbered(100)), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(server.objects.size(), 0u);
}

TEST(Call, ANumberUsedTwiceEndsTheSession) {
  Server server;
  EXPECT_EQ(create_stream(server, numbered(100)), CUDA_SUCCESS);
  EXPECT_EQ(create_stream(server, numbered(100)), CUDA_ERROR_DEVICE_UNAVAILABLE);
}

TEST(Call, AnAddressOutsideTheWindowIsRefused) {
  Server server;
  char byte = 0;
  EXPECT_EQ(copy_in(server, 0x1000, &byte, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy_in(server, api::window_base + api::window_size - 1, "ab", 2), CUDA_ERROR_INVALID_VALUE);
}

TEST(Call, AForgedLengthEndsTheSession) {
  Server server;
  wire::Writer request;
  request.put(wire::CallHead{api::opcode("cuMemcpyHtoD_v2"), 0, 0});
  request.put(uint64_t{base});
  request.put(uint64_t{4096});  // and no bytes
  std::vector<std::byte> reply;
  EXPECT_FALSE(server.answer(request.bytes(), reply));
}

TEST(Call, AReplyLargerThanAnyLegalOneEndsTheSessionBeforeTheCallRuns) {
  Server server;
  wire::Writer request;
  request.put(wire::CallHead{api::opcode("cuMemcpyDtoH_v2"), 0, 0});
  request.put(uint64_t{base});
  request.put(uint64_t{SIZE_MAX});
  std::vector<std::byte> reply;
  EXPECT_FALSE(server.answer(request.bytes(), reply));
}

TEST(Call, AnUnknownFunctionEndsTheSession) {
  Server server;
  wire::Writer request;
  request.put(wire::CallHead{12345, 0, 0});
  std::vector<std::byte> reply;
  EXPECT_FALSE(server.answer(request.bytes(), reply));
}

// Every truncation and many mutations of a good request: no crash (run under SAN=address), no call with a
// length the message does not have.
TEST(Call, MutatedRequestsAreHarmless) {
  Server server;
  std::mt19937 random(1);
  for (const server::Function* function : {server::find_function(api::opcode("cuStreamWaitEvent")),
                                           server::find_function(api::opcode("cuEventElapsedTime")),
                                           server::find_function(api::opcode("cuStreamCreate"))}) {
    ASSERT_NE(function, nullptr);
    wire::Writer request;
    request.put(wire::CallHead{function->opcode, 0, 0});
    for (uint64_t i = 0; i < 4; ++i) request.put(i);
    for (size_t size = 0; size <= request.bytes().size(); ++size)
      for (int round = 0; round < 20; ++round) {
        std::vector<std::byte> bytes(request.bytes().begin(), request.bytes().begin() + size);
        if (size > 8) bytes[8 + random() % (size - 8)] = static_cast<std::byte>(random());
        std::vector<std::byte> reply;
        server.answer(bytes, reply);
      }
  }
  EXPECT_EQ(create_stream(server, numbered(1u << 30)), CUDA_SUCCESS) << "the server still serves";
}

}  // namespace
