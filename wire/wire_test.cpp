// What is written is read back; what is not there is not read.
#include <gtest/gtest.h>

#include <cstdint>

#include "wire/hello.h"
#include "wire/offer.h"
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
  wire::Writer writer;
  write(writer, welcome);
  auto whole = wire::read_welcome(writer.bytes());
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole.value().offer, "offer");
  EXPECT_EQ(whole.value().generation, 1u << 17);
  auto earlier = wire::read_welcome(writer.bytes().first(writer.bytes().size() - 3 * 8));
  ASSERT_TRUE(earlier.ok());
  EXPECT_EQ(earlier.value().offer, "");
  EXPECT_EQ(earlier.value().generation, 0u);
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

}  // namespace
