// Bundles there and back, and damaged ones.
#include "image/bundle.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "image/fatbin.h"

namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Bundle, PartsComeBack) {
  std::string first = "thirteen bytes", second(4096, 'x'), none;
  auto bundle = image::bundle({bytes_of(first), bytes_of(none), bytes_of(second)});
  EXPECT_EQ(image::bundle_extent(bundle.data()), bundle.size());
  auto parts = image::unbundle(bundle);
  ASSERT_TRUE(parts) << parts.error();
  ASSERT_EQ(parts.value().size(), 3u);
  EXPECT_EQ(text_of(parts.value()[0]), first);
  EXPECT_EQ(text_of(parts.value()[1]), none);
  EXPECT_EQ(text_of(parts.value()[2]), second);
}

TEST(Bundle, DamageIsNoticed) {
  std::string part(100, 'p');
  auto whole = image::bundle({bytes_of(part), bytes_of(part)});
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(image::unbundle(std::span(whole).first(size))) << size;
  for (size_t word : {0u, 1u, 2u, 3u}) {
    auto damaged = whole;
    std::memset(damaged.data() + 8 * word, 0xff, 8);
    EXPECT_FALSE(image::unbundle(damaged)) << word;
  }
  EXPECT_EQ(image::bundle_extent("OL"), 0u);
}

TEST(Bundle, TextBecomesAFatBinary) {
  std::string ptx = ".version 8.0\n.target sm_75, debug\n.address_size 64\n";
  auto fatbin = image::wrap_ptx(ptx);
  EXPECT_EQ(image::fatbin_extent(fatbin.data()), fatbin.size());
  auto entries = image::parse_fatbin(fatbin);
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries.value().size(), 1u);
  const image::Entry* chosen = image::choose_ptx(entries.value(), 75);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->architecture, 75u);
  auto text = image::unpack(*chosen);
  ASSERT_TRUE(text) << text.error();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(text.value().data())), ptx);
}

}  // namespace
