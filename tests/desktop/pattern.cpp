// Draws a picture on an X display at 60 frames a second, with the time, the frame's number and a count of keys and
// clicks as a barcode; "keys" also says which. Usage: pattern scroll|quarter|idle|text|keys [SECONDS]
#include <poll.h>
#include <time.h>
#include <xcb/xcb.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/desktop/barcode.h"

namespace {

uint64_t tenths() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 10000 + static_cast<uint64_t>(now.tv_nsec) / 100000;
}

struct Pattern {
  explicit Pattern(const std::string& mode);
  void resize();
  void fill();
  void draw_text();
  void frame();
  void mark();
  bool take_events();  // whether something was pressed
  void say(const xcb_key_press_event_t& press);

  std::string mode;
  xcb_connection_t* x;
  xcb_screen_t* screen = nullptr;
  xcb_window_t window = 0;
  xcb_pixmap_t texture = 0;
  xcb_gcontext_t context = 0;
  int width = 0, height = 0, offset = 0;
  barcode::Mark now;
};

Pattern::Pattern(const std::string& wanted) : mode(wanted), x(xcb_connect(nullptr, nullptr)) {
  if (xcb_connection_has_error(x)) {
    std::fprintf(stderr, "pattern: no display\n");
    std::exit(1);
  }
  screen = xcb_setup_roots_iterator(xcb_get_setup(x)).data;
  const uint32_t of_root = XCB_EVENT_MASK_STRUCTURE_NOTIFY;
  xcb_change_window_attributes(x, screen->root, XCB_CW_EVENT_MASK, &of_root);
  window = xcb_generate_id(x);
  const uint32_t values[] = {screen->black_pixel, 1,
                             XCB_EVENT_MASK_KEY_PRESS | XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_EXPOSURE};
  xcb_create_window(x, XCB_COPY_FROM_PARENT, window, screen->root, 0, 0, screen->width_in_pixels,
                    screen->height_in_pixels, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
                    XCB_CW_BACK_PIXEL | XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
  xcb_map_window(x, window);
  context = xcb_generate_id(x);
  xcb_create_gc(x, context, window, 0, nullptr);
  xcb_set_input_focus(x, XCB_INPUT_FOCUS_POINTER_ROOT, window, XCB_CURRENT_TIME);
  width = screen->width_in_pixels;
  height = screen->height_in_pixels;
  resize();
}

void Pattern::resize() {
  const uint32_t size[] = {static_cast<uint32_t>(width), static_cast<uint32_t>(height)};
  xcb_configure_window(x, window, XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
  if (texture) xcb_free_pixmap(x, texture);
  texture = xcb_generate_id(x);
  xcb_create_pixmap(x, screen->root_depth, texture, screen->root, static_cast<uint16_t>(width),
                    static_cast<uint16_t>(2 * height));
  fill();
}

// Soft colours, hard edges and lines of what looks like text; twice, so that any offset shows a whole picture.
void Pattern::fill() {
  std::vector<uint32_t> row(static_cast<size_t>(width));
  for (int y = 0; y < 2 * height; ++y) {
    const int line = y % height;
    for (int at = 0; at < width; ++at) {
      uint32_t red = static_cast<uint32_t>(at * 255 / width), green = static_cast<uint32_t>(line * 255 / height),
               blue = 128;
      if ((at / 160 + line / 120) % 3 == 0) {
        const bool ink =
            line % 16 < 11 &&
            ((static_cast<uint32_t>(at / 2 * 2654435761u) ^ static_cast<uint32_t>(line / 2 * 40503u)) >> 7 & 3) == 0;
        red = green = blue = ink ? 20 : 245;
      }
      row[static_cast<size_t>(at)] = red << 16 | green << 8 | blue;
    }
    xcb_put_image(x, XCB_IMAGE_FORMAT_Z_PIXMAP, texture, context, static_cast<uint16_t>(width), 1, 0,
                  static_cast<int16_t>(y), 0, screen->root_depth, static_cast<uint32_t>(row.size() * 4),
                  reinterpret_cast<uint8_t*>(row.data()));
  }
  xcb_copy_area(x, texture, window, context, 0, 0, 0, 0, static_cast<uint16_t>(width), static_cast<uint16_t>(height));
  if (mode == "text") draw_text();
  mark();
}

// Small red letters on white: what halved colour is worst at.
void Pattern::draw_text() {
  const uint32_t white = 0xffffff;
  xcb_change_gc(x, context, XCB_GC_FOREGROUND, &white);
  const xcb_rectangle_t all{0, 16, static_cast<uint16_t>(width), static_cast<uint16_t>(height)};
  xcb_poly_fill_rectangle(x, window, context, 1, &all);
  const xcb_font_t font = xcb_generate_id(x);
  xcb_open_font(x, font, 5, "fixed");
  const uint32_t red[] = {0xff0000, white, font};
  xcb_change_gc(x, context, XCB_GC_FOREGROUND | XCB_GC_BACKGROUND | XCB_GC_FONT, red);
  const char* words =
      "The quick brown fox jumps over the lazy dog 0123456789 and the desktop shows every letter of it, small and red.";
  for (int y = 40; y < height; y += 56)
    for (int at = 4; at < width; at += 700)
      xcb_image_text_8(x, static_cast<uint8_t>(std::strlen(words)), window, context, static_cast<int16_t>(at),
                       static_cast<int16_t>(y), words);
  xcb_close_font(x, font);
}

void Pattern::mark() {
  static uint32_t pixels[barcode::width * barcode::height];
  now.time = static_cast<uint32_t>(tenths());
  ++now.frame;
  barcode::draw(now, pixels, barcode::width);
  xcb_put_image(x, XCB_IMAGE_FORMAT_Z_PIXMAP, window, context, barcode::width, barcode::height, 0, 0, 0,
                screen->root_depth, sizeof pixels, reinterpret_cast<uint8_t*>(pixels));
  xcb_flush(x);
}

void Pattern::frame() {
  if (mode == "scroll" || mode == "quarter") {
    offset = (offset + 4) % height;
    const int part = mode == "quarter" ? 2 : 1;
    xcb_copy_area(x, texture, window, context, 0, static_cast<int16_t>(offset), 0, 0,
                  static_cast<uint16_t>(width / part), static_cast<uint16_t>(height / part));
    mark();
  }
}

// The number of a key and its first meaning in the layout of the moment, or a button and its place.
void Pattern::say(const xcb_key_press_event_t& press) {
  if ((press.response_type & 0x7f) == XCB_BUTTON_PRESS) {
    std::printf("button %d at %d,%d\n", press.detail, press.event_x, press.event_y);
  } else {
    auto* mapping = xcb_get_keyboard_mapping_reply(x, xcb_get_keyboard_mapping(x, press.detail, 1), nullptr);
    const bool known = mapping && mapping->keysyms_per_keycode > 0;
    std::printf("key %d %#x\n", press.detail, known ? xcb_get_keyboard_mapping_keysyms(mapping)[0] : 0);
    std::free(mapping);
  }
  std::fflush(stdout);
}

bool Pattern::take_events() {
  bool pressed = false;
  while (xcb_generic_event_t* event = xcb_poll_for_event(x)) {
    const uint8_t type = event->response_type & 0x7f;
    if (type == XCB_KEY_PRESS || type == XCB_BUTTON_PRESS) {
      pressed = true;
      if (mode == "keys") say(reinterpret_cast<xcb_key_press_event_t&>(*event));  // both have one form
    }
    if (type == XCB_CONFIGURE_NOTIFY) {
      const auto& root = reinterpret_cast<xcb_configure_notify_event_t&>(*event);
      if (root.window == screen->root && (root.width != width || root.height != height)) {
        width = root.width;
        height = root.height;
        resize();
      }
    }
    std::free(event);
  }
  if (pressed) ++now.input;
  return pressed;
}

}  // namespace

int main(int argc, char** argv) {
  Pattern pattern(argc > 1 ? argv[1] : "scroll");
  const uint64_t begin = tenths(), end = begin + static_cast<uint64_t>(argc > 2 ? std::atoi(argv[2]) : 3600) * 10000;
  for (uint64_t number = 0; tenths() < end && !xcb_connection_has_error(pattern.x);) {
    const uint64_t time = tenths(), next = begin + number * 10000 / 60;
    if (time >= next) {
      pattern.frame();
      number = time > next + 500 ? (time - begin) * 60 / 10000 : number + 1;  // what is missed is not made up for
      continue;
    }
    pollfd ready{xcb_get_file_descriptor(pattern.x), POLLIN, 0};
    poll(&ready, 1, static_cast<int>((next - time + 9) / 10));
    if (pattern.take_events()) pattern.mark();
  }
  return 0;
}
