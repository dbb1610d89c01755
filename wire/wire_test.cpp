// What is written is read back; what is not there is not read.
#include <gtest/gtest.h>

#include <cstdint>

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

}  // namespace
