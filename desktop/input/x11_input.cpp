#include "desktop/input/x11_input.h"

#include <xcb/xcb.h>
#include <xcb/xtest.h>

#include <algorithm>
#include <bitset>
#include <mutex>

#include "desktop/capture/x11.h"
#include "desktop/input/layouts.h"
#include "desktop/input/scan_codes.h"

namespace desktop {
namespace {

using x11::Connection;
using x11::own;

constexpr int notch = 120;
constexpr uint8_t caps_key = 66, num_key = 77;  // evdev numbers + 8

class X11Input : public InputSink {
 public:
  X11Input(Connection connection, std::function<void(const std::string&)> set_keymap)
      : x_(std::move(connection)), set_keymap_(std::move(set_keymap)) {}
  ~X11Input() override { release_all(); }

  void key(uint16_t scan_code, bool down) override {
    if (const uint8_t code = x11_keycode(scan_code)) press(XCB_KEY_PRESS, code, down);
  }
  void character(char32_t code_point, bool down) override;
  void move(int x, int y) override { motion(0, x, y); }
  void move_by(int dx, int dy) override { motion(1, dx, dy); }
  void button(Button button, bool down) override {
    press(XCB_BUTTON_PRESS, static_cast<uint8_t>(static_cast<int>(button)), down);
  }
  void wheel(int vertical, int horizontal) override;
  void set_locks(Locks locks) override;
  void set_layout(uint32_t windows_layout) override;
  void release_all() override;

 private:
  void fake(uint8_t type, uint8_t detail, int x = 0, int y = 0) {
    xcb_test_fake_input(x_, type, detail, XCB_CURRENT_TIME, type == XCB_MOTION_NOTIFY && detail ? XCB_NONE : x_.root(),
                        static_cast<int16_t>(x), static_cast<int16_t>(y), 0);
  }
  void press(uint8_t press_type, uint8_t code, bool down);
  void motion(uint8_t relative, int x, int y) {
    std::lock_guard lock(mutex_);
    fake(XCB_MOTION_NOTIFY, relative, x, y);
    xcb_flush(x_);
  }
  void turn(int& rest, int amount, uint8_t up, uint8_t down);
  uint8_t keycode_for(uint32_t keysym);

  std::mutex mutex_;
  Connection x_;
  std::function<void(const std::string&)> set_keymap_;
  std::bitset<256> keys_, buttons_;
  std::bitset<256> borrowed_;  // keycodes without a meaning of their own, lent to characters
  char32_t held_character_ = 0;
  uint8_t held_code_ = 0;
  int vertical_rest_ = 0, horizontal_rest_ = 0;
  uint32_t layout_ = 0;
};

// X11: the release of a kind follows its press (KeyRelease is KeyPress + 1, ButtonRelease is ButtonPress + 1).
void X11Input::press(uint8_t press_type, uint8_t code, bool down) {
  std::lock_guard lock(mutex_);
  (press_type == XCB_KEY_PRESS ? keys_ : buttons_)[code] = down;
  fake(down ? press_type : static_cast<uint8_t>(press_type + 1), code);
  xcb_flush(x_);
}

void X11Input::turn(int& rest, int amount, uint8_t up, uint8_t down) {
  if ((amount > 0) != (rest > 0)) rest = 0;  // the other way: what was left does not count
  rest += std::clamp(amount, -100 * notch, 100 * notch);
  for (; rest >= notch; rest -= notch) {
    fake(XCB_BUTTON_PRESS, up);
    fake(XCB_BUTTON_RELEASE, up);
  }
  for (; rest <= -notch; rest += notch) {
    fake(XCB_BUTTON_PRESS, down);
    fake(XCB_BUTTON_RELEASE, down);
  }
}

// Buttons 4 to 7 are the wheel, as X programs know it.
void X11Input::wheel(int vertical, int horizontal) {
  std::lock_guard lock(mutex_);
  if (vertical) turn(vertical_rest_, vertical, 4, 5);
  if (horizontal) turn(horizontal_rest_, horizontal, 7, 6);
  xcb_flush(x_);
}

// A key whose first meaning is this, or one without a meaning that gets it.
uint8_t X11Input::keycode_for(uint32_t keysym) {
  const xcb_setup_t* setup = xcb_get_setup(x_);
  const uint8_t first = setup->min_keycode, count = static_cast<uint8_t>(setup->max_keycode - first + 1);
  auto mapping = own(xcb_get_keyboard_mapping_reply(x_, xcb_get_keyboard_mapping(x_, first, count), nullptr));
  if (!mapping || mapping->keysyms_per_keycode == 0) return 0;
  const xcb_keysym_t* symbols = xcb_get_keyboard_mapping_keysyms(mapping.get());
  uint8_t spare = 0;
  for (int i = 0; i < count; ++i) {
    const xcb_keysym_t* meanings = symbols + i * mapping->keysyms_per_keycode;
    if (meanings[0] == keysym) return static_cast<uint8_t>(first + i);
    bool empty = true;
    for (int each = 0; each < mapping->keysyms_per_keycode; ++each) empty = empty && meanings[each] == 0;
    const auto code = static_cast<uint8_t>(first + i);
    if ((empty || borrowed_[code]) && code != held_code_) spare = code;
  }
  if (!spare) return 0;
  borrowed_[spare] = true;
  const uint32_t twice[2] = {keysym, keysym};  // with Shift, too
  xcb_change_keyboard_mapping(x_, 1, spare, 2, twice);
  return spare;
}

void X11Input::character(char32_t code_point, bool down) {
  if (code_point == 0 || code_point > 0x10ffff) return;
  std::lock_guard lock(mutex_);
  if (!down) {
    if (held_code_ && held_character_ == code_point) fake(XCB_KEY_RELEASE, std::exchange(held_code_, uint8_t{0}));
    xcb_flush(x_);
    return;
  }
  if (held_code_) fake(XCB_KEY_RELEASE, std::exchange(held_code_, uint8_t{0}));
  // X11 protocol, appendix A: Latin-1 stands for itself, Unicode begins at 0x01000000.
  const bool latin = (code_point >= 0x20 && code_point <= 0x7e) || (code_point >= 0xa0 && code_point <= 0xff);
  uint32_t keysym = latin ? code_point : 0x01000000 | code_point;
  if (code_point == '\n' || code_point == '\r') keysym = 0xff0d;
  if (code_point == '\t') keysym = 0xff09;
  if (code_point == '\b') keysym = 0xff08;
  held_code_ = keycode_for(keysym);
  held_character_ = code_point;
  if (held_code_) fake(XCB_KEY_PRESS, held_code_);
  xcb_flush(x_);
}

void X11Input::set_locks(Locks locks) {
  std::lock_guard lock(mutex_);
  auto pointer = own(xcb_query_pointer_reply(x_, xcb_query_pointer(x_, x_.root()), nullptr));
  if (!pointer) return;
  auto tap = [&](bool wanted, int mask, uint8_t code) {
    if (wanted == ((pointer->mask & mask) != 0)) return;
    fake(XCB_KEY_PRESS, code);
    fake(XCB_KEY_RELEASE, code);
  };
  tap(locks.caps, XCB_MOD_MASK_LOCK, caps_key);
  tap(locks.num, XCB_MOD_MASK_2, num_key);  // where XKB's own layouts have it
  xcb_flush(x_);
}

void X11Input::set_layout(uint32_t windows_layout) {
  {
    std::lock_guard lock(mutex_);
    if (!set_keymap_ || windows_layout == 0 || windows_layout == layout_) return;
    layout_ = windows_layout;
  }
  if (const std::string name = xkb_layout(windows_layout); !name.empty()) set_keymap_(name);
}

void X11Input::release_all() {
  std::lock_guard lock(mutex_);
  for (size_t code = 0; code < 256; ++code) {
    if (keys_[code]) fake(XCB_KEY_RELEASE, static_cast<uint8_t>(code));
    if (buttons_[code]) fake(XCB_BUTTON_RELEASE, static_cast<uint8_t>(code));
  }
  if (held_code_) fake(XCB_KEY_RELEASE, std::exchange(held_code_, uint8_t{0}));
  keys_.reset();
  buttons_.reset();
  xcb_flush(x_);
}

}  // namespace

base::Result<std::unique_ptr<InputSink>> open_x11_input(const std::string& display,
                                                        std::function<void(const std::string&)> set_keymap) {
  Connection connection = TRY(Connection::open(display));
  if (!connection.has(&xcb_test_id)) return base::Error{"the X display " + display + " lacks the extension XTEST"};
  return std::unique_ptr<InputSink>(std::make_unique<X11Input>(std::move(connection), std::move(set_keymap)));
}

}  // namespace desktop
