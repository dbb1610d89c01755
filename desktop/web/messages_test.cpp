// Messages of the page: every kind with its fields, and bytes that are none.
#include "desktop/web/messages.h"

#include <gtest/gtest.h>

#include <random>

namespace {

using namespace desktop;
using namespace desktop::web;

std::optional<FromPage> read(std::vector<uint8_t> bytes) { return read_from_page(bytes); }

TEST(Messages, fields_little_endian_with_their_signs) {
  auto key = read({2, 0x1c, 0xe0, 1});
  ASSERT_TRUE(key);
  EXPECT_EQ(key->what, Said::key);
  EXPECT_EQ(key->first, 0xe01c);
  EXPECT_EQ(key->second, 1);
  EXPECT_EQ(read({1, 0xff, 0xff, 0xff, 0xff})->first, 0xffffffff);
  EXPECT_EQ(read({4, 0xff, 0xff, 1, 0})->first, 65535);
  EXPECT_EQ(read({5, 0xff, 0xff, 0, 0x80})->first, -1);
  EXPECT_EQ(read({7, 0x88, 0xff, 0, 0x80})->first, -120);
  EXPECT_EQ(read({7, 0x88, 0xff, 0, 0x80})->second, -32768);
  EXPECT_EQ(read({8})->what, Said::release);
  EXPECT_EQ(read({10, 'h', 'i'})->text, "hi");
  EXPECT_EQ(read({10})->text, "");
}

TEST(Messages, other_sizes_and_kinds_are_none) {
  EXPECT_FALSE(read({}));
  EXPECT_FALSE(read({0}));
  EXPECT_FALSE(read({15}));
  EXPECT_FALSE(read({255, 1}));
  EXPECT_FALSE(read({2, 1, 0}));
  EXPECT_FALSE(read({2, 1, 0, 1, 0}));
  EXPECT_FALSE(read({8, 0}));
  EXPECT_FALSE(read(std::vector<uint8_t>(most_from_page + 1, 10)));
}

TEST(Messages, any_bytes_are_survived) {
  std::mt19937 random(1);
  for (int round = 0; round < 100000; ++round) {
    std::vector<uint8_t> bytes(random() % 8);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 20);
    auto message = read(bytes);
    if (message) {
      EXPECT_EQ(static_cast<uint8_t>(message->what), bytes[0]);
    }
  }
}

TEST(Messages, a_picture) {
  const uint8_t coded[] = {0, 0, 1, 0x65};
  Picture picture;
  picture.id = 0x01020304;
  picture.size = {1366, 768};
  picture.key = true;
  picture.quality = 23;
  picture.main = coded;
  EXPECT_EQ(write_picture(picture, 2),
            (std::vector<uint8_t>{0, 0, 1, 1, 23, 0, 4, 3, 2, 1, 0x56, 5, 0, 3, 0, 0, 1, 0x65}));
}

TEST(Messages, a_pointer) {
  Cursor cursor;
  cursor.size = {1, 1};
  cursor.hot_x = 1;
  cursor.pixels = {0x80112233};
  EXPECT_EQ(write_cursor(cursor, 0), (std::vector<uint8_t>{2, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0x11, 0x22, 0x33, 0x80}));
  EXPECT_EQ(write_cursor({}, 0)[1], 1);
}

}  // namespace
