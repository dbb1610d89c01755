// A program for the page's test: a picture that moves, and in its corner, as black and white cells of 16 pixels, what
// has been typed and pointed: 16 bits how many events, 8 the last key, 8 the last button, 16 x, 16 y, 8 a checksum.
#include <poll.h>
#include <xcb/xcb.h>

#include <array>
#include <cstdio>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

constexpr int cell = 16, cells_in_row = 36, tick_ms = 15;

struct Seen {
  uint16_t events = 0;
  uint8_t key = 0, button = 0;
  uint16_t x = 0, y = 0;
};

std::vector<bool> bits_of(const Seen& seen) {
  std::array<uint8_t, 9> bytes = {
      uint8_t(seen.events >> 8), uint8_t(seen.events), seen.key,       seen.button, uint8_t(seen.x >> 8),
      uint8_t(seen.x),           uint8_t(seen.y >> 8), uint8_t(seen.y)};
  for (size_t at = 0; at < 8; ++at) bytes[8] = static_cast<uint8_t>(bytes[8] + bytes[at] + 1);
  std::vector<bool> bits;
  for (uint8_t byte : bytes)
    for (int bit = 7; bit >= 0; --bit) bits.push_back(byte >> bit & 1);
  return bits;
}

class Window {
 public:
  Window() : display_(xcb_connect(nullptr, nullptr)) {
    if (xcb_connection_has_error(display_)) std::exit(1);
    screen_ = xcb_setup_roots_iterator(xcb_get_setup(display_)).data;
    window_ = xcb_generate_id(display_);
    // No window manager is needed.
    const uint32_t values[] = {screen_->black_pixel, 1,
                               XCB_EVENT_MASK_KEY_PRESS | XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_EXPOSURE};
    xcb_create_window(display_, XCB_COPY_FROM_PARENT, window_, screen_->root, 0, 0, screen_->width_in_pixels,
                      screen_->height_in_pixels, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, screen_->root_visual,
                      XCB_CW_BACK_PIXEL | XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
    const uint32_t structure = XCB_EVENT_MASK_STRUCTURE_NOTIFY;
    xcb_change_window_attributes(display_, screen_->root, XCB_CW_EVENT_MASK, &structure);
    xcb_map_window(display_, window_);
    xcb_set_input_focus(display_, XCB_INPUT_FOCUS_POINTER_ROOT, window_, XCB_CURRENT_TIME);
    graphics_ = xcb_generate_id(display_);
    xcb_create_gc(display_, graphics_, window_, 0, nullptr);
    width_ = screen_->width_in_pixels, height_ = screen_->height_in_pixels;
  }

  // False: the display is gone.
  bool step(int tick) {
    xcb_flush(display_);
    pollfd ready{xcb_get_file_descriptor(display_), POLLIN, 0};
    poll(&ready, 1, tick_ms);
    while (xcb_generic_event_t* event = xcb_poll_for_event(display_)) {
      take(*event);
      std::free(event);
    }
    draw(tick);
    return !xcb_connection_has_error(display_);
  }

 private:
  void take(const xcb_generic_event_t& event) {
    const int kind = event.response_type & 127;
    if (kind == XCB_CONFIGURE_NOTIFY) {
      const auto& change = reinterpret_cast<const xcb_configure_notify_event_t&>(event);
      if (change.window != screen_->root) return;
      width_ = change.width, height_ = change.height;
      const uint32_t size[] = {width_, height_};
      xcb_configure_window(display_, window_, XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
      return;
    }
    if (kind != XCB_KEY_PRESS && kind != XCB_BUTTON_PRESS) return;
    const auto& press = reinterpret_cast<const xcb_key_press_event_t&>(event);  // both have one form
    (kind == XCB_KEY_PRESS ? seen_.key : seen_.button) = press.detail;
    seen_.x = static_cast<uint16_t>(press.event_x), seen_.y = static_cast<uint16_t>(press.event_y);
    ++seen_.events;
  }

  void fill(uint32_t colour, int x, int y, int width, int height) {
    xcb_change_gc(display_, graphics_, XCB_GC_FOREGROUND, &colour);
    xcb_rectangle_t area{int16_t(x), int16_t(y), uint16_t(width), uint16_t(height)};
    xcb_poly_fill_rectangle(display_, window_, graphics_, 1, &area);
  }

  void draw(int tick) {
    const int top = 2 * cell, left = tick * 8 % static_cast<int>(width_);
    fill(0x203040, 0, top, static_cast<int>(width_), static_cast<int>(height_) - top);
    fill(0xe0a020, left, top + 40, 120, static_cast<int>(height_) / 2);
    const std::vector<bool> bits = bits_of(seen_);
    for (size_t at = 0; at < bits.size(); ++at)
      fill(bits[at] ? 0xffffff : 0, static_cast<int>(at) % cells_in_row * cell,
           static_cast<int>(at) / cells_in_row * cell, cell, cell);
  }

  xcb_connection_t* display_;
  xcb_screen_t* screen_ = nullptr;
  xcb_window_t window_ = 0;
  xcb_gcontext_t graphics_ = 0;
  uint32_t width_ = 0, height_ = 0;
  Seen seen_;
};

}  // namespace

int main() {
  Window window;
  for (int tick = 0; window.step(tick); ++tick) {
  }
}
