// Pixels to YUV as H.264 takes it: BT.709, full range, rounded to nearest; white is (255, 128, 128).
//
// In 4:2:0, or split into the two 4:2:0 views of AVC444v2, which together hold all the colour.
#pragma once
#include <cstdint>
#include <vector>

#include "desktop/encoder.h"
#include "desktop/picture.h"

namespace desktop {

inline Size coded_size(Size size) { return {(size.width + 15) & ~15, (size.height + 15) & ~15}; }

// Planes that we own, with coded sides.
class PlaneBuffer {
 public:
  void reshape(Size size, Layout layout);
  Planes planes() const;
  Size size() const { return size_; }
  Layout layout() const { return layout_; }
  uint8_t* luma(int y) { return memory_.data() + static_cast<size_t>(y) * width(); }
  // Row of half height: U in the first half of the row and V in the second (i420), or both in turns (nv12).
  uint8_t* chroma_u(int y) {
    const size_t base = width() * height();
    return memory_.data() + base + static_cast<size_t>(y) * (layout_ == Layout::nv12 ? width() : width() / 2);
  }
  uint8_t* chroma_v(int y) {
    return memory_.data() + width() * height() * 5 / 4 + static_cast<size_t>(y) * (width() / 2);
  }

 private:
  size_t width() const { return static_cast<size_t>(size_.width); }
  size_t height() const { return static_cast<size_t>(size_.height); }
  Size size_;
  Layout layout_ = Layout::i420;
  std::vector<uint8_t> memory_;
};

// Converts `area` of the frame, widened to multiples of 16; beyond the frame its edge is repeated.
void convert_420(const Frame& frame, const Rectangle& area, PlaneBuffer& planes);
// MS-RDPEGFX 3.3.8.3.3.
void convert_444v2(const Frame& frame, const Rectangle& area, PlaneBuffer& main, PlaneBuffer& auxiliary);

// The area as convert_... widens it.
Rectangle widened(const Rectangle& area, Size coded);

// For tests: without vector instructions.
void use_plain_colour(bool plain);

}  // namespace desktop
