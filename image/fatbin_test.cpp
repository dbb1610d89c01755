// Containers built here, whole and damaged.
#include "image/fatbin.h"

#include <gtest/gtest.h>
#include <lz4.h>
#include <zstd.h>

#include <cstring>
#include <random>
#include <string>

namespace {

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& bytes, T value) {
  const auto* first = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), first, first + sizeof value);
}

Bytes bytes_of(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size() + 1};  // with the NUL that PTX in a fatbin has
}

Bytes make_entry(uint16_t kind, uint32_t architecture, uint64_t flags, Bytes payload, uint32_t compressed,
                 uint64_t unpacked) {
  payload.resize((payload.size() + 7) & ~size_t{7});
  Bytes entry;
  append(entry, kind);
  append(entry, uint16_t{0x0101});
  append(entry, uint32_t{64});
  append(entry, uint64_t{payload.size()});
  append(entry, compressed);
  append(entry, uint32_t{0});
  append(entry, uint16_t{0});
  append(entry, uint16_t{9});
  append(entry, architecture);
  append(entry, uint64_t{0});
  append(entry, flags);
  append(entry, uint64_t{0});
  append(entry, unpacked);
  entry.insert(entry.end(), payload.begin(), payload.end());
  return entry;
}

Bytes make_fatbin(const std::vector<Bytes>& entries) {
  Bytes body, fatbin;
  for (const Bytes& entry : entries) body.insert(body.end(), entry.begin(), entry.end());
  append(fatbin, uint32_t{0xBA55ED50});
  append(fatbin, uint16_t{1});
  append(fatbin, uint16_t{16});
  append(fatbin, uint64_t{body.size()});
  fatbin.insert(fatbin.end(), body.begin(), body.end());
  return fatbin;
}

const std::string ptx = ".version 9.0\n.target sm_75\n.address_size 64\n" + std::string(400, '/');

Bytes plain_entry(uint32_t architecture, uint64_t flags = 0x11) {
  return make_entry(1, architecture, flags, bytes_of(ptx), 0, 0);
}

Bytes zstd_entry() {
  Bytes source = bytes_of(ptx), packed(ZSTD_compressBound(source.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), source.data(), source.size(), 3));
  auto size = static_cast<uint32_t>(packed.size());
  return make_entry(1, 75, 0x8011, packed, size, source.size());
}

Bytes lz4_entry() {
  Bytes source = bytes_of(ptx), packed(LZ4_compressBound(static_cast<int>(source.size())));
  int size = LZ4_compress_default(reinterpret_cast<char*>(source.data()), reinterpret_cast<char*>(packed.data()),
                                  static_cast<int>(source.size()), static_cast<int>(packed.size()));
  packed.resize(size);
  return make_entry(1, 75, 0x2011, packed, size, source.size());
}

TEST(Fatbin, EveryWayOfStoringGivesTheSameText) {
  Bytes fatbin = make_fatbin({plain_entry(75), zstd_entry(), lz4_entry()});
  auto entries = image::parse_fatbin(fatbin);
  ASSERT_TRUE(entries.ok()) << entries.error();
  ASSERT_EQ(entries.value().size(), 3u);
  for (const image::Entry& entry : entries.value()) {
    auto text = image::unpack(entry);
    ASSERT_TRUE(text.ok()) << text.error();
    EXPECT_STREQ(reinterpret_cast<const char*>(text.value().data()), ptx.c_str());
    EXPECT_EQ(entry.version_major, 9);
  }
}

TEST(Fatbin, TheNewestPtxThatFitsIsChosen) {
  constexpr uint64_t arch_specific = 0x100011, family = 0x200011;
  Bytes fatbin = make_fatbin({plain_entry(52), plain_entry(75), plain_entry(90, arch_specific),
                              plain_entry(100, family), make_entry(2, 80, 0x11, Bytes(8), 0, 0)});
  auto entries = image::parse_fatbin(fatbin);
  ASSERT_TRUE(entries.ok()) << entries.error();
  auto chosen = [&](uint32_t capability) {
    const image::Entry* entry = image::choose_ptx(entries.value(), capability);
    return entry ? entry->architecture : 0;
  };
  EXPECT_EQ(chosen(50), 0u);
  EXPECT_EQ(chosen(70), 52u);
  EXPECT_EQ(chosen(86), 75u) << "machine code is no PTX";
  EXPECT_EQ(chosen(90), 90u) << "sm_90a fits 9.0";
  EXPECT_EQ(chosen(120), 75u) << "sm_90a and sm_100f fit no other device";
}

TEST(Fatbin, TheOldestPtxIsForADeviceThatRunsAny) {
  Bytes fatbin = make_fatbin({make_entry(2, 80, 0x11, Bytes(8), 0, 0), plain_entry(120), plain_entry(100)});
  auto entries = image::parse_fatbin(fatbin);
  ASSERT_TRUE(entries.ok()) << entries.error();
  ASSERT_NE(image::oldest_ptx(entries.value()), nullptr);
  EXPECT_EQ(image::oldest_ptx(entries.value())->architecture, 100u);
  EXPECT_EQ(image::oldest_ptx(std::span(entries.value()).first(1)), nullptr) << "machine code is no PTX";
}

TEST(Fatbin, OneEntryAloneIsAContainer) {
  Bytes fatbin = make_fatbin({plain_entry(75), zstd_entry(), lz4_entry()});
  auto entries = image::parse_fatbin(fatbin);
  ASSERT_TRUE(entries.ok()) << entries.error();
  for (const image::Entry& entry : entries.value()) {
    auto alone = image::only(entry);
    auto again = image::parse_fatbin(alone);
    ASSERT_TRUE(again.ok()) << again.error();
    ASSERT_EQ(again.value().size(), 1u);
    EXPECT_EQ(image::unpack(again.value()[0]).value(), image::unpack(entry).value());
  }
}

TEST(Fatbin, EveryTruncationIsAnError) {
  Bytes fatbin = make_fatbin({plain_entry(75), zstd_entry()});
  for (size_t size = 0; size < fatbin.size(); ++size) {
    Bytes cut(fatbin.begin(), fatbin.begin() + static_cast<long>(size));
    EXPECT_FALSE(image::parse_fatbin(cut).ok()) << size;
  }
}

TEST(Fatbin, ASizeThatLiesIsAnError) {
  Bytes entry = zstd_entry();
  uint64_t wrong = ptx.size() + 2;
  std::memcpy(entry.data() + 56, &wrong, sizeof wrong);
  Bytes fatbin = make_fatbin({entry});
  auto entries = image::parse_fatbin(fatbin);
  ASSERT_TRUE(entries.ok());
  EXPECT_FALSE(image::unpack(entries.value()[0]).ok());
  wrong = uint64_t{1} << 40;
  std::memcpy(entry.data() + 56, &wrong, sizeof wrong);
  fatbin = make_fatbin({entry});
  EXPECT_FALSE(image::unpack(image::parse_fatbin(fatbin).value()[0]).ok()) << "nothing is reserved for a terabyte";
}

// Run under SAN=address this shows that nothing outside the bytes is read.
TEST(Fatbin, MutationsAreHarmless) {
  Bytes fatbin = make_fatbin({plain_entry(75), zstd_entry(), lz4_entry()});
  std::mt19937 random(1);
  for (int round = 0; round < 5000; ++round) {
    Bytes bytes = fatbin;
    for (int i = 0; i < 4; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    auto entries = image::parse_fatbin(bytes);
    if (!entries.ok()) continue;
    for (const image::Entry& entry : entries.value())
      if (entry.unpacked_size < (1 << 20)) (void)image::unpack(entry);
  }
  EXPECT_TRUE(image::parse_fatbin(fatbin).ok());
}

TEST(Fatbin, ItsExtentIsInItsHeader) {
  Bytes fatbin = make_fatbin({plain_entry(75)});
  EXPECT_EQ(image::fatbin_extent(fatbin.data()), fatbin.size());
  fatbin[0] = std::byte{0};
  EXPECT_EQ(image::fatbin_extent(fatbin.data()), 0u);
}

}  // namespace
