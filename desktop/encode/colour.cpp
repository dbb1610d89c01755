#include "desktop/encode/colour.h"

#include <atomic>
#include <cstring>

#include "desktop/encode/colour_rows.h"

namespace desktop {
namespace {

std::atomic<bool> plain{false};

const ColourRows& rows() {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2 && !plain) return avx2_rows;
#endif
  return plain_rows;
}

// Pixels [x, x + count) of a row; where it ends before that, its last pixel again.
class Row {
 public:
  const uint8_t* get(const Frame& frame, int x, int y, int count) {
    const uint8_t* row = frame.row(std::min(y, frame.size.height - 1));
    if (x + count <= frame.size.width) return row + static_cast<size_t>(x) * 4;
    padded_.resize(static_cast<size_t>(count) * 4);
    const int there = std::max(frame.size.width - x, 0);
    std::memcpy(padded_.data(), row + static_cast<size_t>(x) * 4, static_cast<size_t>(there) * 4);
    const uint8_t* last = row + static_cast<size_t>(frame.size.width - 1) * 4;
    for (int i = there; i < count; ++i) std::memcpy(padded_.data() + static_cast<size_t>(i) * 4, last, 4);
    return padded_.data();
  }

 private:
  std::vector<uint8_t> padded_;
};

void interleave(const uint8_t* u, const uint8_t* v, size_t count, uint8_t* both) {
  for (size_t i = 0; i < count; ++i) {
    both[2 * i] = u[i];
    both[2 * i + 1] = v[i];
  }
}

// Writes chroma of one row: to two planes, or in turns into one.
class ChromaRow {
 public:
  ChromaRow(PlaneBuffer& planes, int y, size_t x, size_t count) : planes_(planes), y_(y), x_(x), count_(count) {
    if (planes.layout() == Layout::nv12) both_.resize(2 * count);
  }
  uint8_t* u() { return both_.empty() ? planes_.chroma_u(y_) + x_ : both_.data(); }
  uint8_t* v() { return both_.empty() ? planes_.chroma_v(y_) + x_ : both_.data() + count_; }
  void done() {
    if (!both_.empty()) interleave(u(), v(), count_, planes_.chroma_u(y_) + 2 * x_);
  }

 private:
  PlaneBuffer& planes_;
  int y_;
  size_t x_, count_;
  std::vector<uint8_t> both_;
};

}  // namespace

void PlaneBuffer::reshape(Size size, Layout layout) {
  size_ = coded_size(size);
  layout_ = layout;
  memory_.assign(width() * height() * 3 / 2, 128);
}

Planes PlaneBuffer::planes() const {
  Planes planes;
  planes.size = size_;
  planes.plane[0] = memory_.data();
  planes.plane[1] = memory_.data() + width() * height();
  planes.stride[0] = size_.width;
  planes.stride[1] = layout_ == Layout::nv12 ? size_.width : size_.width / 2;
  if (layout_ == Layout::nv12) return planes;
  planes.plane[2] = memory_.data() + width() * height() * 5 / 4;
  planes.stride[2] = size_.width / 2;
  return planes;
}

Rectangle widened(const Rectangle& area, Size coded) {
  const Rectangle inside = clipped(area, coded);
  if (inside.empty()) return {};
  const int x = inside.x & ~15, y = inside.y & ~15;
  return {x, y, ((inside.x + inside.width + 15) & ~15) - x, ((inside.y + inside.height + 15) & ~15) - y};
}

void convert_420(const Frame& frame, const Rectangle& area, PlaneBuffer& planes) {
  const Rectangle all = widened(area, planes.size());
  const ColourRows& use = rows();
  const auto x = static_cast<size_t>(all.x), count = static_cast<size_t>(all.width);
  Row upper, lower;
  for (int y = all.y; y < all.y + all.height; y += 2) {
    ChromaRow chroma(planes, y / 2, x / 2, count / 2);
    use.convert_420(upper.get(frame, all.x, y, all.width), lower.get(frame, all.x, y + 1, all.width), count,
                    planes.luma(y) + x, planes.luma(y + 1) + x, chroma.u(), chroma.v());
    chroma.done();
  }
}

// B1 to B9 are the spec's names of the parts.
void convert_444v2(const Frame& frame, const Rectangle& area, PlaneBuffer& main, PlaneBuffer& auxiliary) {
  const Rectangle all = widened(area, main.size());
  const ColourRows& use = rows();
  const auto x = static_cast<size_t>(all.x), count = static_cast<size_t>(all.width);
  const auto half = static_cast<size_t>(main.size().width) / 2, quarter = half / 2;
  Row pixels;
  std::vector<uint8_t> rest(6 * count);
  uint8_t* const u[2] = {&rest[0], &rest[count]};
  uint8_t* const v[2] = {&rest[2 * count], &rest[3 * count]};
  uint8_t* const even_u = &rest[4 * count];
  uint8_t* const even_v = &rest[5 * count];
  for (int y = all.y; y < all.y + all.height; y += 2) {
    for (int odd = 0; odd < 2; ++odd) {
      use.convert_444(pixels.get(frame, all.x, y + odd, all.width), count, main.luma(y + odd) + x, u[odd],
                      v[odd]);                                                   // B1
      use.split(u[odd], count, even_u, auxiliary.luma(y + odd) + x / 2);         // B4
      use.split(v[odd], count, even_v, auxiliary.luma(y + odd) + half + x / 2);  // B5
    }
    ChromaRow averages(main, y / 2, x / 2, count / 2);
    use.halve(u[0], u[1], count, averages.u());  // B2
    use.halve(v[0], v[1], count, averages.v());  // B3
    averages.done();
    // Of the odd row's even columns: every other one into U, the others into V.
    ChromaRow left(auxiliary, y / 2, x / 4, count / 4), right(auxiliary, y / 2, quarter + x / 4, count / 4);
    use.split(even_u, count / 2, left.u(), left.v());    // B6, B8
    use.split(even_v, count / 2, right.u(), right.v());  // B7, B9
    left.done();
    right.done();
  }
}

void use_plain_colour(bool wanted) { plain = wanted; }

}  // namespace desktop
