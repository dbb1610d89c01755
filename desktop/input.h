// What viewers type and point: keys by position, characters, the pointer, the wheel. Any thread may call.
#pragma once
#include <cstdint>

namespace desktop {

enum class Button { left = 1, middle = 2, right = 3, back = 8, forward = 9 };  // as X numbers them

struct Locks {
  bool caps = false, num = false, scroll = false;
};

class InputSink {
 public:
  virtual ~InputSink() = default;
  // A key by its place on the keyboard: scan code of set 1, with 0xE000 added for the extended ones (0xE01C: Enter of
  // the number block), 0xE11D for Pause. What it types is up to the display's layout.
  virtual void key(uint16_t scan_code, bool down) = 0;
  // A character that no key position stands for (on-screen keyboards, input methods).
  virtual void character(char32_t code_point, bool down) = 0;
  // Absolute, in pixels of the display; clipped to it.
  virtual void move(int x, int y) = 0;
  virtual void move_by(int dx, int dy) = 0;
  virtual void button(Button button, bool down) = 0;
  // 120 is one notch (as Windows counts); positive: away from the user, to the right.
  virtual void wheel(int vertical, int horizontal) = 0;
  virtual void set_locks(Locks locks) = 0;
  // The layout that the viewer's keyboard has, as Windows numbers it (0x407: German). Obeyed on displays that we
  // started; an attached display keeps its own.
  virtual void set_layout(uint32_t windows_layout) = 0;
  // Everything that is pressed is let go: the viewer lost the focus or the connection.
  virtual void release_all() = 0;
};

}  // namespace desktop
