// What the page and the session say to each other over the WebSocket. From the page: one byte that says what, then
// fields of fixed size, little-endian. To the page: pictures and pointers in the same way, the rest as JSON texts.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "desktop/picture.h"
#include "desktop/stream.h"

namespace desktop::web {

enum class Said : uint8_t {
  shown = 1,  // u32 picture
  key,        // u16 scan code, u8 down
  character,  // u32 code point, u8 down
  move,       // u16 x, u16 y
  move_by,    // i16 dx, i16 dy
  button,     // u8 button, u8 down
  wheel,      // i16 vertical, i16 horizontal
  release,    // everything pressed
  resize,     // u16 width, u16 height
  clipboard,  // UTF-8 to the end
  pause,      // u8
  key_frame,
  locks,       // u8: 1 caps, 2 num, 4 scroll
  statistics,  // u8: whether they are wanted
};

struct FromPage {
  Said what{};
  int64_t first = 0, second = 0;  // the fields in their order
  std::string_view text;          // borrowed
};

inline constexpr size_t most_from_page = 8u << 20;

// Nothing: this is no message.
std::optional<FromPage> read_from_page(std::span<const uint8_t> bytes);

// A message for the page, with room before it for the library's own bytes.
std::vector<uint8_t> write_picture(const Picture& picture, size_t room_before);
std::vector<uint8_t> write_cursor(const Cursor& cursor, size_t room_before);

}  // namespace desktop::web
