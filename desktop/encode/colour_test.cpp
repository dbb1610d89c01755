// Colours against BT.709 in floating point, vector code against plain code, and the two views put together again.
#include "desktop/encode/colour.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

namespace {

using namespace desktop;

Frame random_frame(Size size, unsigned seed) {
  Frame frame;
  frame.size = size;
  frame.stride = static_cast<size_t>(size.width) * 4;
  auto bytes = std::make_shared<std::vector<uint8_t>>(frame.stride * static_cast<size_t>(size.height));
  std::mt19937 random(seed);
  for (uint8_t& byte : *bytes) byte = static_cast<uint8_t>(random());
  frame.pixels = bytes->data();
  frame.memory = bytes;
  return frame;
}

struct Yuv {
  double y, u, v;
};
Yuv exact(const uint8_t* p) {
  const double b = p[0], g = p[1], r = p[2], y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return {y, (b - y) / 1.8556 + 128, (r - y) / 1.5748 + 128};
}

}  // namespace

TEST(Colour, GreysStayGrey) {
  Frame frame = random_frame({16, 16}, 1);
  for (int grey : {0, 1, 127, 128, 254, 255}) {
    std::fill(frame.pixels, frame.pixels + 16 * 16 * 4, static_cast<uint8_t>(grey));
    PlaneBuffer planes;
    planes.reshape(frame.size, Layout::i420);
    convert_420(frame, {0, 0, 16, 16}, planes);
    EXPECT_EQ(*planes.luma(3), grey);
    EXPECT_EQ(*planes.chroma_u(3), 128);
    EXPECT_EQ(*planes.chroma_v(3), 128);
  }
}

TEST(Colour, IsBt709WithinHalfAStep) {
  const Frame frame = random_frame({64, 16}, 2);
  PlaneBuffer planes;
  planes.reshape(frame.size, Layout::i420);
  convert_420(frame, {0, 0, 64, 16}, planes);
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 64; ++x) EXPECT_NEAR(planes.luma(y)[x], exact(frame.row(y) + 4 * x).y, 0.51);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 32; ++x) {
      double u = 0, v = 0;
      for (int i = 0; i < 4; ++i) {
        const Yuv one = exact(frame.row(2 * y + i / 2) + 4 * (2 * x + i % 2));
        u += one.u / 4;
        v += one.v / 4;
      }
      EXPECT_NEAR(planes.chroma_u(y)[x], std::min(u, 255.0), 0.51);
      EXPECT_NEAR(planes.chroma_v(y)[x], std::min(v, 255.0), 0.51);
    }
}

TEST(Colour, VectorCodeIsPlainCode) {
  for (Size size : {Size{16, 16}, {33, 17}, {200, 202}, {1366, 50}}) {
    const Frame frame = random_frame(size, 3);
    PlaneBuffer main[2], auxiliary[2], half[2], turns[2];
    for (int plain : {0, 1}) {
      use_plain_colour(plain);
      main[plain].reshape(size, Layout::i420);
      auxiliary[plain].reshape(size, Layout::i420);
      half[plain].reshape(size, Layout::i420);
      turns[plain].reshape(size, Layout::nv12);
      const Rectangle all{0, 0, size.width, size.height};
      convert_444v2(frame, all, main[plain], auxiliary[plain]);
      convert_420(frame, all, half[plain]);
      convert_420(frame, all, turns[plain]);
    }
    use_plain_colour(false);
    const size_t bytes = static_cast<size_t>(main[0].size().width) * static_cast<size_t>(main[0].size().height) * 3 / 2;
    for (auto* pair : {main, auxiliary, half, turns})
      EXPECT_EQ(std::memcmp(pair[0].luma(0), pair[1].luma(0), bytes), 0) << size.width;
    for (int y = 0; y < half[0].size().height / 2; ++y)
      for (int x = 0; x < half[0].size().width / 2; ++x) {
        EXPECT_EQ(turns[0].chroma_u(y)[2 * x], half[0].chroma_u(y)[x]);
        EXPECT_EQ(turns[0].chroma_u(y)[2 * x + 1], half[0].chroma_v(y)[x]);
      }
  }
}

// As a client puts the views together (MS-RDPEGFX 3.3.8.3.3), but for the mean, from which it gets the fourth value.
TEST(Colour, TwoViewsHoldAllColour) {
  const Size size{64, 32};
  const Frame frame = random_frame(size, 4);
  PlaneBuffer main, auxiliary;
  main.reshape(size, Layout::i420);
  auxiliary.reshape(size, Layout::i420);
  convert_444v2(frame, {0, 0, 64, 32}, main, auxiliary);
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 64; ++x) {
      const Yuv wanted = exact(frame.row(y) + 4 * x);
      EXPECT_NEAR(main.luma(y)[x], wanted.y, 0.51);
      double u, v;
      if (x % 2) {
        u = auxiliary.luma(y)[x / 2];
        v = auxiliary.luma(y)[32 + x / 2];
      } else if (y % 2) {
        uint8_t* row = x % 4 ? auxiliary.chroma_v(y / 2) : auxiliary.chroma_u(y / 2);
        u = row[x / 4];
        v = row[16 + x / 4];
      } else {
        continue;
      }
      EXPECT_NEAR(u, std::min(wanted.u, 255.0), 0.51) << x << "," << y;
      EXPECT_NEAR(v, std::min(wanted.v, 255.0), 0.51) << x << "," << y;
    }
}

TEST(Colour, OnlyTheAreaIsTouched) {
  const Frame frame = random_frame({64, 64}, 5);
  PlaneBuffer planes;
  planes.reshape(frame.size, Layout::i420);
  std::fill(planes.luma(0), planes.luma(0) + 64 * 64, uint8_t{7});
  convert_420(frame, {20, 20, 4, 4}, planes);
  EXPECT_EQ(planes.luma(15)[20], 7);
  EXPECT_EQ(planes.luma(16)[15], 7);
  EXPECT_EQ(planes.luma(32)[20], 7);
  EXPECT_NEAR(planes.luma(17)[17], exact(frame.row(17) + 4 * 17).y, 0.51);
}
