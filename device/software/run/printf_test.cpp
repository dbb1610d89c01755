// Device printf against what the host's printf writes.
#include "device/software/run/printf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace software {
namespace {

// Packs arguments as the device compiler does.
struct Pack {
  std::vector<uint8_t> bytes;
  template <class T>
  Pack& operator<<(T value) {
    bytes.resize((bytes.size() + sizeof value - 1) / sizeof value * sizeof value);
    bytes.resize(bytes.size() + sizeof value);
    std::memcpy(bytes.data() + bytes.size() - sizeof value, &value, sizeof value);
    return *this;
  }
};

std::string text(const char* format, const Pack& pack = {}) {
  std::string out;
  format_printf(out, format, pack.bytes.data());
  return out;
}

TEST(PrintfTest, PlainTextAndPercent) {
  EXPECT_EQ(text("100%% sure\n"), "100% sure\n");
  EXPECT_EQ(text(""), "");
}

TEST(PrintfTest, Integers) {
  EXPECT_EQ(text("%d %u %x %05d|%-4i|", Pack() << -1 << 7u << 255u << 42 << 3), "-1 7 ff 00042|3   |");
  EXPECT_EQ(text("%lld %lu %zu", Pack() << -5ll << 6ull << 7ull), "-5 6 7");
  EXPECT_EQ(text("%d %lld", Pack() << 1 << 1ll << 40), "1 1");
  EXPECT_EQ(text("%hd %hhu", Pack() << 1 << 2), "1 2");
}

TEST(PrintfTest, FloatsArriveAsDoubles) {
  EXPECT_EQ(text("%d %f %.2e %g", Pack() << 1 << 1.5 << 12345.678 << 0.25), "1 1.500000 1.23e+04 0.25");
}

TEST(PrintfTest, StringsCharactersPointers) {
  const char* nothing = nullptr;
  EXPECT_EQ(text("%s|%5s|%.2s|%s", Pack() << "ab"
                                          << "cd"
                                          << "efg" << nothing),
            "ab|   cd|ef|(null)");
  EXPECT_EQ(text("%c%c", Pack() << int{'o'} << int{'k'}), "ok");
  EXPECT_EQ(text("%p", Pack() << reinterpret_cast<void*>(0x1234)), "0x1234");
}

TEST(PrintfTest, WidthAndPrecisionFromArguments) {
  EXPECT_EQ(text("%*d|%.*f|%-*d|", Pack() << 4 << 7 << 2 << 3.14159 << 3 << 1), "   7|3.14|1  |");
}

TEST(PrintfTest, UnknownConversionsAndLoosePercentStay) {
  EXPECT_EQ(text("%y %d", Pack() << 3), "%y 3");
  EXPECT_EQ(text("end %"), "end %");
}

TEST(PrintfTest, CountsArguments) {
  std::string out;
  EXPECT_EQ(format_printf(out, "%d %f", (Pack() << 1 << 2.0).bytes.data()), 2);
  EXPECT_EQ(format_printf(out, "none", nullptr), 0);
  EXPECT_EQ(format_printf(out, nullptr, nullptr), -1);
}

}  // namespace
}  // namespace software
