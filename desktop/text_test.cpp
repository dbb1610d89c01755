#include "desktop/text.h"

#include <gtest/gtest.h>

using namespace desktop;

TEST(Text, BothWays) {
  for (const char* text : {"", "abc", "é中", "𝄞 clef", "a\nb"}) EXPECT_EQ(to_utf8(to_utf16(text)), text);
  EXPECT_EQ(to_utf16("𝄞").size(), 2u);
}

TEST(Text, WhatIsNoTextIsReplaced) {
  EXPECT_EQ(to_utf16("\xff").front(), 0xfffd);
  EXPECT_EQ(to_utf16("\xc0\x80").front(), 0xfffd);      // an overlong zero
  EXPECT_EQ(to_utf16("\xed\xa0\x80").front(), 0xfffd);  // a surrogate
  EXPECT_EQ(to_utf16("\xf0\x9d").front(), 0xfffd);      // cut off
  const char16_t lone[] = {0xd834, 'x'};
  EXPECT_EQ(to_utf8({lone, 2}), "\xef\xbf\xbdx");
}

TEST(Text, LineEnds) {
  EXPECT_EQ(with_carriage_returns("a\nb\r\nc"), "a\r\nb\r\nc");
  EXPECT_EQ(with_line_feeds("a\r\nb\nc\r"), "a\nb\nc\r");
}
