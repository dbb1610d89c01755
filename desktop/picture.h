// Sizes, rectangles, damage and frames: what a display source gives and a stream sends.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace desktop {

using Clock = std::chrono::steady_clock;

struct Size {
  int width = 0, height = 0;
  bool operator==(const Size&) const = default;
};
// "1280x720"
inline std::string to_text(Size size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }
// What a client may ask for; RDPEDISP (MS-RDPEDISP 2.2.2.2.1) allows 200 to 8192 in each direction.
inline constexpr int least_extent = 200, most_extent = 8192;
inline bool sensible(Size size) {
  return size.width >= least_extent && size.width <= most_extent && size.height >= least_extent &&
         size.height <= most_extent;
}

struct Rectangle {
  int x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Rectangle&) const = default;
  bool empty() const { return width <= 0 || height <= 0; }
};

inline Rectangle united(const Rectangle& a, const Rectangle& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  const int x = std::min(a.x, b.x), y = std::min(a.y, b.y);
  return {x, y, std::max(a.x + a.width, b.x + b.width) - x, std::max(a.y + a.height, b.y + b.height) - y};
}

inline Rectangle clipped(const Rectangle& a, Size size) {
  const int x = std::max(a.x, 0), y = std::max(a.y, 0);
  return {x, y, std::min(a.x + a.width, size.width) - x, std::min(a.y + a.height, size.height) - y};
}

// What changed, as a few rectangles that cover it; more than `most` become their bounds.
class Damage {
 public:
  static constexpr size_t most = 16;

  void add(const Rectangle& rectangle);
  void add(const Damage& other) {
    for (const Rectangle& each : other.rectangles_) add(each);
  }
  void add_all(Size size) { rectangles_.assign(1, {0, 0, size.width, size.height}); }
  void clear() { rectangles_.clear(); }
  bool empty() const { return rectangles_.empty(); }
  const std::vector<Rectangle>& rectangles() const { return rectangles_; }
  Rectangle bounds() const;

 private:
  std::vector<Rectangle> rectangles_;
};

// A picture of the whole display: rows of 32-bit pixels, bytes B G R X.
struct Frame {
  Size size;
  size_t stride = 0;  // bytes from row to row
  uint8_t* pixels = nullptr;
  std::shared_ptr<void> memory;  // keeps the pixels; a source may share it with an X server
  uint64_t serial = 0;           // grows with every grab
  Clock::time_point grabbed{};

  const uint8_t* row(int y) const { return pixels + static_cast<size_t>(y) * stride; }
  uint8_t* row(int y) { return pixels + static_cast<size_t>(y) * stride; }
};

// The pointer's picture. Pixels are A R G B in a 32-bit number, not multiplied by alpha.
struct Cursor {
  Size size;
  int hot_x = 0, hot_y = 0;
  std::vector<uint32_t> pixels;  // empty: the pointer is hidden
  uint64_t serial = 0;           // changes with the picture
};

}  // namespace desktop
