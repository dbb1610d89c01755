// A client that shares memory with its worker and goes on changing requests while the worker reads them.
#include <gtest/gtest.h>

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>

#include "api/cuda/internal.h"
#include "api/opcode.h"
#include "api/window.h"
#include "link/rings.h"
#include "tests/hostile/server.h"
#include "wire/message.h"
#include "wire/writer.h"

namespace {

using hostile::Server;
using wire::Kind;

constexpr size_t words_in_ring = links::Rings::size / sizeof(uint64_t);

// The ring that the link of this process writes: the part of the memory file behind the page of positions.
std::atomic_ref<uint64_t> word_of_ring(uint64_t* ring, size_t at) { return std::atomic_ref(ring[at % words_in_ring]); }
uint64_t* own_ring() {
  uint64_t* found = nullptr;
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[512];
  for (uint64_t begin = 0, offset = 0; !found && fgets(line, sizeof line, maps);)
    if (strstr(line, "outboard-rings") && sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64, &begin, &offset) == 2 &&
        offset == 4096)
      found = reinterpret_cast<uint64_t*>(begin);
  fclose(maps);
  return found;
}

// Requests that a worker reads where they lie, because they are large and one-way, and small ones that it waits for.
std::vector<std::byte> bytes_of(wire::Writer& writer) { return {writer.bytes().begin(), writer.bytes().end()}; }
std::vector<std::byte> copy_request(size_t size) {
  wire::Writer writer;
  writer.put(wire::CallHead{api::opcode("cuMemcpyHtoDAsync_v2"), 0, 0});
  for (uint64_t value : {api::window_base, uint64_t{size}, uint64_t{0}}) writer.put(value);
  writer.put(std::vector<std::byte>(size).data(), size);
  return bytes_of(writer);
}
std::vector<std::byte> changes_request(size_t count) {
  const std::vector<MemoryChange> changes(count, MemoryChange{api::window_base + 512, 512});
  wire::Writer writer;
  writer.put(wire::CallHead{api::opcode("obMemoryChanges"), 0, 0});
  writer.put(uint64_t{count});
  writer.put(changes.data(), count * sizeof changes[0]);
  return bytes_of(writer);
}
std::vector<std::byte> small_request() {
  wire::Writer writer;
  writer.put(wire::CallHead{api::opcode("cuEventElapsedTime"), 0, 0});
  for (uint64_t event : {uint64_t{20}, uint64_t{21}}) writer.put(event);
  return bytes_of(writer);
}

// Writes over what has just been sent, and what is about to be, until it is told to stop.
void change_requests(uint64_t* ring, const std::atomic<uint64_t>& sent, const std::atomic<bool>& stop, unsigned seed) {
  std::mt19937_64 random(seed);
  while (!stop) {
    const size_t near = random() % 4 ? 16 : 8192;
    auto word = word_of_ring(ring, sent / sizeof(uint64_t) + random() % near);
    switch (random() % 4) {
      case 0: word = word ^ uint64_t { 1 } << random() % 64; break;
      case 1: word = word + random() % 256 - 128; break;
      case 2: word = random() % 2 ? ~uint64_t{0} : 0; break;
      default: word = random();
    }
  }
}

// True: the worker has ended the session.
bool send_many(links::Link& link, std::atomic<uint64_t>& sent, std::mt19937& random) {
  const std::vector<std::byte> requests[] = {copy_request(48 << 10), changes_request(3000), small_request()};
  for (int i = 0; i < 300; ++i) {
    const auto& payload = requests[random() % std::size(requests)];
    wire::FrameHead head{static_cast<uint32_t>(payload.size()), random() % 8 ? Kind::post : Kind::call,
                         static_cast<uint64_t>(i)};
    iovec pieces[] = {{&head, sizeof head}, {const_cast<std::byte*>(payload.data()), payload.size()}};
    if (!link.write_all(pieces)) return true;
    sent += sizeof head + payload.size();
    char answers[4096];
    while (link.channel().wait(true, false, 0).reading)
      if (link.channel().read_now(answers, sizeof answers) <= 0) return true;
  }
  return false;
}

TEST_F(Server, RequestsThatChangeWhileTheyAreReadHarmNobody) {
  std::mt19937 random(20261126);
  int ended = 0;
  for (unsigned session = 0; session < 30; ++session) {
    auto shared = client::greet(target_, "hostile", 10000, {}, wire::shared_memory);
    ASSERT_TRUE(shared.ok()) << shared.error();
    uint64_t* ring = own_ring();
    ASSERT_NE(ring, nullptr);
    std::atomic<uint64_t> sent{0};
    std::atomic<bool> stop{false};
    std::thread changer([&] { change_requests(ring, sent, stop, session); });
    ended += send_many(shared.value().link, sent, random);
    stop = true;
    changer.join();
  }
  std::printf("%d of 30 sessions were ended\n", ended);
  EXPECT_GT(ended, 10) << "nothing that mattered was changed";
  expect_served();
  EXPECT_TRUE(all_workers_gone());
}

}  // namespace
