#include "desktop/web/messages.h"

#include <array>

namespace desktop::web {

namespace {

// The sizes of a message's two fields; negative: with a sign. Zero: there is none.
struct Shape {
  Said what;
  int first, second;
};
constexpr std::array shapes = {Shape{Said::shown, 4, 0},     Shape{Said::key, 2, 1},       Shape{Said::character, 4, 1},
                               Shape{Said::move, 2, 2},      Shape{Said::move_by, -2, -2}, Shape{Said::button, 1, 1},
                               Shape{Said::wheel, -2, -2},   Shape{Said::release, 0, 0},   Shape{Said::resize, 2, 2},
                               Shape{Said::clipboard, 0, 0}, Shape{Said::pause, 1, 0},     Shape{Said::key_frame, 0, 0},
                               Shape{Said::locks, 1, 0},     Shape{Said::statistics, 1, 0}};

constexpr size_t width(int field) { return static_cast<size_t>(field < 0 ? -field : field); }

int64_t take(std::span<const uint8_t>& bytes, int field) {
  uint64_t value = 0;
  for (size_t at = 0; at < width(field); ++at) value |= static_cast<uint64_t>(bytes[at]) << (8 * at);
  bytes = bytes.subspan(width(field));
  return field == -2 ? static_cast<int16_t>(value) : static_cast<int64_t>(value);
}

class Bytes {
 public:
  Bytes(size_t room_before, size_t size) {
    bytes_.reserve(room_before + size);
    bytes_.resize(room_before);
  }
  Bytes& u8(unsigned value) {
    bytes_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  Bytes& u16(unsigned value) { return u8(value & 255).u8(value >> 8 & 255); }
  Bytes& u32(uint32_t value) { return u16(value & 65535).u16(value >> 16); }
  Bytes& all(std::span<const uint8_t> more) {
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace

std::optional<FromPage> read_from_page(std::span<const uint8_t> bytes) {
  if (bytes.empty() || bytes.size() > most_from_page) return std::nullopt;
  for (const Shape& shape : shapes) {
    if (static_cast<uint8_t>(shape.what) != bytes[0]) continue;
    bytes = bytes.subspan(1);
    FromPage message;
    message.what = shape.what;
    if (shape.what == Said::clipboard) {
      message.text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
      return message;
    }
    if (bytes.size() != width(shape.first) + width(shape.second)) return std::nullopt;
    message.first = take(bytes, shape.first);
    message.second = take(bytes, shape.second);
    return message;
  }
  return std::nullopt;
}

// u8 1, u8 flags, u16 quality, u32 number, u16 width, u16 height, H.264.
std::vector<uint8_t> write_picture(const Picture& picture, size_t room_before) {
  return Bytes(room_before, 12 + picture.main.size())
      .u8(1)
      .u8((picture.key ? 1 : 0) | (picture.refined ? 2 : 0))
      .u16(static_cast<unsigned>(picture.quality))
      .u32(picture.id)
      .u16(static_cast<unsigned>(picture.size.width))
      .u16(static_cast<unsigned>(picture.size.height))
      .all(picture.main)
      .take();
}

// u8 2, u8 hidden, u16 width, u16 height, u16 hot x, u16 hot y, pixels as R G B A.
std::vector<uint8_t> write_cursor(const Cursor& cursor, size_t room_before) {
  const bool hidden = cursor.pixels.empty();
  Bytes bytes(room_before, 10 + 4 * cursor.pixels.size());
  bytes.u8(2).u8(hidden).u16(static_cast<unsigned>(cursor.size.width)).u16(static_cast<unsigned>(cursor.size.height));
  bytes.u16(static_cast<unsigned>(cursor.hot_x)).u16(static_cast<unsigned>(cursor.hot_y));
  for (uint32_t pixel : cursor.pixels) bytes.u8(pixel >> 16 & 255).u8(pixel >> 8 & 255).u8(pixel & 255).u8(pixel >> 24);
  return bytes.take();
}

}  // namespace desktop::web
