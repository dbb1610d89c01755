// What is written is read back; what is not there is not read.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "wire/hello.h"
#include "wire/offer.h"
#include "wire/posts.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace {

TEST(Wire, FieldsStartAtMultiplesOfEight) {
  wire::Writer writer;
  writer.put(uint8_t{7});
  writer.put(uint32_t{9});
  ASSERT_EQ(writer.bytes().size(), 12u);
  wire::Reader reader(writer.bytes());
  EXPECT_EQ(reader.get<uint8_t>(), 7);
  EXPECT_EQ(reader.get<uint32_t>(), 9u);
  EXPECT_TRUE(reader.at_end());
}

TEST(Wire, AFailedReadSticks) {
  wire::Writer writer;
  writer.put(uint64_t{1});
  wire::Reader reader(writer.bytes());
  EXPECT_EQ(reader.take(9), nullptr);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.get<uint64_t>(), 0u) << "a good read after a bad one gives nothing";
  EXPECT_FALSE(reader.at_end());
}

TEST(Wire, AnAbsurdSizeDoesNotWrapAround) {
  wire::Writer writer;
  writer.put(uint64_t{1});
  wire::Reader reader(writer.bytes());
  reader.get<uint64_t>();
  EXPECT_EQ(reader.take(SIZE_MAX - 3), nullptr);
  EXPECT_FALSE(reader.ok());
}

TEST(Greeting, WhatLaterVersionsAppendMayBeMissing) {
  wire::Welcome welcome;
  welcome.version = 2;
  welcome.offer = "offer";
  welcome.generation = 1 << 17;
  welcome.connections = 2;
  wire::Writer writer;
  write(writer, welcome);
  auto whole = wire::read_welcome(writer.bytes());
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole.value().offer, "offer");
  EXPECT_EQ(whole.value().generation, 1u << 17);
  EXPECT_EQ(whole.value().connections, 2u);
  auto before = wire::read_welcome(writer.bytes().first(writer.bytes().size() - 8));
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(before.value().connections, 0u);
  auto earlier = wire::read_welcome(writer.bytes().first(writer.bytes().size() - 4 * 8));
  ASSERT_TRUE(earlier.ok());
  EXPECT_EQ(earlier.value().offer, "");
  EXPECT_EQ(earlier.value().generation, 0u);
}

TEST(Greeting, AHelloIsReadBackWithAndWithoutWhatLaterVersionsAppend) {
  wire::Hello hello;
  hello.purpose = "exec";
  hello.machine = "boot";
  wire::Writer writer;
  write(writer, hello);
  auto whole = wire::read_hello(writer.bytes());
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole.value().purpose, "exec");
  EXPECT_EQ(whole.value().machine, "boot");
  auto earlier = wire::read_hello(writer.bytes().first(writer.bytes().size() - 2 * 8));
  ASSERT_TRUE(earlier.ok());
  EXPECT_EQ(earlier.value().purpose, "exec");
  EXPECT_EQ(earlier.value().machine, "");
}

TEST(Offer, IsReadBackAndNothingElseIsOne) {
  const std::string key(43, 'k');
  wire::Offer offer{"boot", key, "40001", {"192.0.2.7", "2001:db8::1"}}, back;
  ASSERT_TRUE(wire::parse(wire::text_of(offer), back));
  EXPECT_EQ(wire::text_of(back), wire::text_of(offer));
  wire::Offer names;
  ASSERT_TRUE(wire::parse("- " + key + " 1 evil.example 127.0.0.1 $(x)", names));
  EXPECT_EQ(names.hosts, std::vector<std::string>{"127.0.0.1"}) << "nothing is looked up";
  for (const std::string& text :
       std::vector<std::string>{"", "boot", "boot short 1 127.0.0.1", "boot " + key + " 1",
                                "boot " + key + " port 127.0.0.1", "boot " + key + " 123456 127.0.0.1"}) {
    wire::Offer none;
    EXPECT_FALSE(wire::parse(text, none)) << text;
  }
  std::string many = "boot " + key + " 1";
  for (int i = 0; i < 100; ++i) many += " 192.0.2." + std::to_string(i);
  wire::Offer bounded;
  ASSERT_TRUE(wire::parse(many, bounded));
  EXPECT_EQ(bounded.hosts.size(), 8u);
}

// A sender and a receiver that see the same posts hold the same in all places, whatever is sent whole.
TEST(Posts, AreRestoredWordForWord) {
  wire::Posts sender, receiver;
  std::mt19937_64 random(20261126);
  std::vector<std::vector<uint64_t>> posts(40);
  for (auto& post : posts)
    for (size_t i = 0, count = random() % 60; i < count; ++i) post.push_back(random());
  size_t whole = 0, again = 0;
  for (int turn = 0; turn < 20'000; ++turn) {
    auto& post = posts[random() % posts.size()];
    for (size_t changes = random() % 6; changes && !post.empty(); --changes)
      post[random() % post.size()] = random() % 3 ? random() : 0;
    const auto payload = std::as_bytes(std::span(post));
    wire::Posts::Difference difference;
    if (!sender.differ(payload, difference)) {
      receiver.keep(payload);
      ++whole;
      continue;
    }
    const auto words = std::as_bytes(std::span(difference.words).first(difference.count));
    const auto restored = receiver.restore(difference.number, words);
    ASSERT_EQ(std::vector(restored.begin(), restored.end()), std::vector(payload.begin(), payload.end())) << turn;
    ++again;
  }
  EXPECT_GT(whole, 1000u);
  EXPECT_GT(again, 1000u);
}

TEST(Posts, ALaunchWithOtherParametersIsThoseParameters) {
  wire::Posts sender;
  wire::Posts::Difference difference;
  std::vector<uint64_t> launch(15, 7);
  EXPECT_FALSE(sender.differ(std::as_bytes(std::span(launch)), difference));
  ASSERT_TRUE(sender.differ(std::as_bytes(std::span(launch)), difference));
  EXPECT_EQ(difference.count, 0u);
  launch[11] = 1, launch[13] = 2;
  ASSERT_TRUE(sender.differ(std::as_bytes(std::span(launch)), difference));
  EXPECT_EQ(difference.count, 2u);
  EXPECT_EQ(difference.number & 0xffffffffffff, uint64_t{1} << 11 | uint64_t{1} << 13);
}

TEST(Posts, WhatStandsForNoneIsRefused) {
  wire::Posts receiver;
  const std::vector<uint64_t> post{1, 2, 3, 4};
  const auto bytes = std::as_bytes(std::span(post));
  const uint64_t place = uint64_t{4} << 48;  // (1 + 3) % 32
  EXPECT_TRUE(receiver.restore(place, {}).empty()) << "nothing is kept there";
  receiver.keep(bytes);
  EXPECT_EQ(receiver.restore(place, {}).size(), bytes.size());
  EXPECT_EQ(receiver.restore(place | 0b1010, bytes.first(16)).size(), bytes.size());
  EXPECT_TRUE(receiver.restore(place | 0b1010, bytes.first(8)).empty()) << "a word is missing";
  EXPECT_TRUE(receiver.restore(place | 0b1010, bytes.first(24)).empty()) << "a word too many";
  EXPECT_TRUE(receiver.restore(place | 0b10000, bytes.first(8)).empty()) << "behind its end";
  EXPECT_TRUE(receiver.restore(uint64_t{5} << 48, {}).empty()) << "another place";
  EXPECT_TRUE(receiver.restore(~uint64_t{0}, bytes).empty()) << "no place at all";
}

}  // namespace
