// The encoders of this machine: what is proved works at other sizes, what is not there says why.
#include "desktop/encoder.h"

#include <gtest/gtest.h>

#include "desktop/encode/colour.h"

using namespace desktop;

TEST(Encoders, EveryOneSaysWhatItIsOrWhyItIsNot) {
  const Encoders all = Encoders::prove("auto");
  ASSERT_EQ(all.tried().size(), 4u);
  for (const EncoderTry& each : all.tried()) EXPECT_FALSE(each.reason.empty()) << each.name;
  ASSERT_NE(all.in_use(), nullptr) << "libopenh264-7 is needed by this test";
  EXPECT_TRUE(all.in_use()->usable);
}

TEST(Encoders, NoneIsNone) {
  Encoders none = Encoders::prove("none");
  EXPECT_EQ(none.in_use(), nullptr);
  EXPECT_FALSE(none.open({}));
  EXPECT_EQ(Encoders::prove("quantum").in_use(), nullptr);
}

TEST(Encoders, QualityFollowsTheQuantiser) {
  Encoders all = Encoders::prove("openh264");
  EncoderSettings settings;
  settings.size = {320, 240};
  auto encoder = all.open(settings);
  ASSERT_TRUE(encoder) << encoder.error();
  PlaneBuffer planes;
  planes.reshape(settings.size, Layout::i420);
  for (int y = 0; y < 240; ++y)
    for (int x = 0; x < 320; ++x) planes.luma(y)[x] = static_cast<uint8_t>((x * 7919 + y * 104729) >> 3);
  auto size_at = [&](int quality) {
    encoder.value()->set_quality(quality);
    auto made = encoder.value()->encode(planes.planes(), true);
    EXPECT_TRUE(made);
    return made ? made.value().bytes.size() : 0;
  };
  const size_t fine = size_at(12), coarse = size_at(40);
  EXPECT_GT(fine, 2 * coarse);
}
