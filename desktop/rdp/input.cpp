#include "desktop/rdp/input.h"

namespace desktop::rdp {
namespace {

BOOL on_synchronise(rdpInput* input, UINT32 flags) {
  InputSink& sink = input_sink_of(input->context);
  sink.release_all();
  sink.set_locks(
      {(flags & KBD_SYNC_CAPS_LOCK) != 0, (flags & KBD_SYNC_NUM_LOCK) != 0, (flags & KBD_SYNC_SCROLL_LOCK) != 0});
  return TRUE;
}

BOOL on_key(rdpInput* input, UINT16 flags, KeyCode code) {
  uint16_t scan_code = code & 0xff;
  if (flags & KBD_FLAGS_EXTENDED) scan_code |= 0xE000;
  if (flags & KBD_FLAGS_EXTENDED1) scan_code |= 0xE100;
  input_sink_of(input->context).key(scan_code, !(flags & KBD_FLAGS_RELEASE));
  return TRUE;
}

// Halves of a surrogate pair come one after the other; characters beyond 16 bits are rare enough to be left out.
BOOL on_character(rdpInput* input, UINT16 flags, UINT16 code) {
  if (code >= 0xd800 && code <= 0xdfff) return TRUE;
  input_sink_of(input->context).character(code, !(flags & KBD_FLAGS_RELEASE));
  return TRUE;
}

// Nine bits, the highest is the sign (2.2.8.1.1.3.1.1.3).
int rotation(UINT16 flags) {
  const int value = flags & WheelRotationMask;
  return flags & PTR_FLAGS_WHEEL_NEGATIVE ? value - 0x200 : value;
}

BOOL on_mouse(rdpInput* input, UINT16 flags, UINT16 x, UINT16 y) {
  InputSink& sink = input_sink_of(input->context);
  if (flags & PTR_FLAGS_WHEEL) {
    sink.wheel(rotation(flags), 0);
    return TRUE;
  }
  if (flags & PTR_FLAGS_HWHEEL) {
    sink.wheel(0, rotation(flags));
    return TRUE;
  }
  sink.move(x, y);
  const bool down = flags & PTR_FLAGS_DOWN;
  if (flags & PTR_FLAGS_BUTTON1) sink.button(Button::left, down);
  if (flags & PTR_FLAGS_BUTTON2) sink.button(Button::right, down);
  if (flags & PTR_FLAGS_BUTTON3) sink.button(Button::middle, down);
  return TRUE;
}

BOOL on_extended_mouse(rdpInput* input, UINT16 flags, UINT16 x, UINT16 y) {
  InputSink& sink = input_sink_of(input->context);
  sink.move(x, y);
  const bool down = flags & PTR_XFLAGS_DOWN;
  if (flags & PTR_XFLAGS_BUTTON1) sink.button(Button::back, down);
  if (flags & PTR_XFLAGS_BUTTON2) sink.button(Button::forward, down);
  return TRUE;
}

}  // namespace

void register_input(rdpInput* input) {
  input->SynchronizeEvent = on_synchronise;
  input->KeyboardEvent = on_key;
  input->UnicodeKeyboardEvent = on_character;
  input->MouseEvent = on_mouse;
  input->ExtendedMouseEvent = on_extended_mouse;
}

}  // namespace desktop::rdp
