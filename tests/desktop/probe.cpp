// Looks at an X display: reads the pattern's barcode, types keys and waits for them, takes pictures, compares them.
//   probe watch SECONDS [KEYS]   one line of JSON: frames a second, lag, time from key to picture, errors
//   probe shot FILE [WxH+X+Y]    writes a PPM
//   probe psnr FILE FILE [TOP]   decibels between two PPMs, leaving out TOP rows
//   probe key KEYCODE | click X Y | window W H (resizes the largest one) | windows TIMES (gives it other sizes) | size
//   probe wait SECONDS (until a barcode is seen)
#include <poll.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>
#include <xcb/damage.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>
#include <xcb/xtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/desktop/barcode.h"

namespace {

uint32_t tenths() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint32_t>(static_cast<uint64_t>(now.tv_sec) * 10000 + static_cast<uint64_t>(now.tv_nsec) / 100000);
}

struct Display {
  Display() : x(xcb_connect(nullptr, nullptr)) {
    if (xcb_connection_has_error(x)) {
      std::fprintf(stderr, "probe: no display\n");
      std::exit(1);
    }
    screen = xcb_setup_roots_iterator(xcb_get_setup(x)).data;
    const int id = shmget(IPC_PRIVATE, sizeof(uint32_t) * 8192 * 4096, IPC_CREAT | 0600);
    pixels = static_cast<uint32_t*>(shmat(id, nullptr, 0));
    segment = xcb_generate_id(x);
    xcb_shm_attach(x, segment, static_cast<uint32_t>(id), 0);
    xcb_flush(x);
    size();  // a round trip: attached
    shmctl(id, IPC_RMID, nullptr);
  }
  std::pair<int, int> size() {
    auto* reply = xcb_get_geometry_reply(x, xcb_get_geometry(x, screen->root), nullptr);
    std::pair<int, int> both{reply ? reply->width : 0, reply ? reply->height : 0};
    std::free(reply);
    return both;
  }
  bool grab(int left, int top, int width, int height) {
    auto cookie = xcb_shm_get_image(x, screen->root, static_cast<int16_t>(left), static_cast<int16_t>(top),
                                    static_cast<uint16_t>(width), static_cast<uint16_t>(height), ~0u,
                                    XCB_IMAGE_FORMAT_Z_PIXMAP, segment, 0);
    auto* reply = xcb_shm_get_image_reply(x, cookie, nullptr);
    std::free(reply);
    return reply != nullptr;
  }
  std::optional<barcode::Mark> mark() {
    if (!grab(0, 0, barcode::width, barcode::height)) return std::nullopt;
    return barcode::read(pixels, barcode::width);
  }
  // From then on changed() knows. DAMAGE, because a probe that looked every half millisecond took a twentieth of the
  // time of the two processors that it measured on.
  void watch_changes() {
    std::free(xcb_damage_query_version_reply(x, xcb_damage_query_version(x, 1, 1), nullptr));
    damage = xcb_generate_id(x);
    xcb_damage_create(x, damage, screen->root, XCB_DAMAGE_REPORT_LEVEL_NON_EMPTY);
    xcb_flush(x);
  }
  // Waits for a change, or so long. Changes after this are told anew.
  bool changed(int milliseconds) {
    auto told = [this] {
      bool any = false;
      while (auto* event = xcb_poll_for_event(x)) {
        any = true;  // no other events were asked for
        std::free(event);
      }
      return any;
    };
    bool any = told();
    if (!any) {
      pollfd ready{xcb_get_file_descriptor(x), POLLIN, 0};
      poll(&ready, 1, milliseconds);
      any = told();
    }
    if (any) xcb_damage_subtract(x, damage, XCB_NONE, XCB_NONE);
    return any;
  }
  void fake(uint8_t type, uint8_t detail, int left = 0, int top = 0) {
    xcb_test_fake_input(x, type, detail, 0, screen->root, static_cast<int16_t>(left), static_cast<int16_t>(top), 0);
    xcb_flush(x);
  }
  void tap(uint8_t code) {
    fake(XCB_KEY_PRESS, code);
    fake(XCB_KEY_RELEASE, code);
  }

  xcb_connection_t* x;
  xcb_screen_t* screen;
  uint32_t* pixels;
  xcb_shm_seg_t segment;
  xcb_damage_damage_t damage = 0;
};

double at(std::vector<double> values, double part) {
  if (values.empty()) return -1;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(part * static_cast<double>(values.size())))];
}

// What is seen of the pattern, and how soon keys are: one four times a second, as somebody types; half a second later
// it counts as lost.
struct Watch {
  void see(const std::optional<barcode::Mark>& mark, uint32_t now);
  void type(Display& display, uint32_t now);
  void print(int seconds) const;

  int keys = 0;  // still to be pressed
  uint32_t next_key = 0;
  std::vector<double> lags, inputs;
  int frames = 0, errors = 0, backwards = 0, lost = 0;
  std::optional<barcode::Mark> last;
  uint32_t pressed = 0;
  uint16_t before = 0;
};

void Watch::see(const std::optional<barcode::Mark>& mark, uint32_t now) {
  if (!mark) {
    ++errors;
  } else if (!last || mark->frame != last->frame) {
    if (last) {
      if (static_cast<int16_t>(mark->frame - last->frame) < 0) ++backwards;
      ++frames;
      lags.push_back((now - mark->time) / 10.0);
    }
    last = mark;
  }
}

void Watch::type(Display& display, uint32_t now) {
  if (pressed && last->input != before) {
    inputs.push_back((now - pressed) / 10.0);
    pressed = 0;
  } else if (pressed && now - pressed > 5000) {
    ++lost;
    pressed = 0;
  }
  if (keys == 0 || pressed || !last || static_cast<int32_t>(now - next_key) < 0) return;
  before = last->input;
  pressed = tenths();
  next_key = now + 2370;
  --keys;
  display.tap(38);
}

void Watch::print(int seconds) const {
  std::printf(
      "{\"fps\":%.1f,\"lag_ms\":%.1f,\"lag_p95_ms\":%.1f,\"input_ms\":%.1f,\"input_p95_ms\":%.1f,\"inputs\":%zu,"
      "\"inputs_lost\":%d,"
      "\"errors\":%d,\"backwards\":%d,\"frames\":%d}\n",
      frames / static_cast<double>(seconds), at(lags, 0.5), at(lags, 0.95), at(inputs, 0.5), at(inputs, 0.95),
      inputs.size(), lost, errors, backwards, frames);
}

// In real time (bench/desktop.py): before what is measured, which would keep the time of a picture waiting.
void go_before_others() {
  sched_param now{};
  if (sched_getscheduler(0) != SCHED_RR || sched_getparam(0, &now) != 0) return;
  ++now.sched_priority;
  sched_setscheduler(0, SCHED_RR, &now);
}

int watch(Display& display, int seconds, int keys) {
  go_before_others();
  const uint32_t begin = tenths(), end = begin + static_cast<uint32_t>(seconds) * 10000;
  Watch watch;
  watch.keys = keys;
  watch.next_key = begin + 2500;
  display.watch_changes();
  watch.see(display.mark(), tenths());
  while (static_cast<int32_t>(end - tenths()) > 0) {
    if (display.changed(5)) watch.see(display.mark(), tenths());
    watch.type(display, tenths());
  }
  watch.print(seconds);
  return 0;
}

int wait_for_mark(Display& display, int seconds) {
  const uint32_t end = tenths() + static_cast<uint32_t>(seconds) * 10000;
  while (static_cast<int32_t>(end - tenths()) > 0) {
    if (display.mark()) return 0;
    usleep(50'000);
  }
  std::fprintf(stderr, "probe: no barcode within %d seconds\n", seconds);
  return 1;
}

int shot(Display& display, const char* path, const char* part) {
  auto [width, height] = display.size();
  int left = 0, top = 0;
  if (part && std::sscanf(part, "%dx%d+%d+%d", &width, &height, &left, &top) != 4) return 2;
  if (!display.grab(left, top, width, height)) return 1;
  FILE* file = std::fopen(path, "wb");
  if (!file) return 1;
  std::fprintf(file, "P6\n%d %d\n255\n", width, height);
  for (int i = 0; i < width * height; ++i) {
    const uint32_t pixel = display.pixels[i];
    const unsigned char bytes[] = {static_cast<unsigned char>(pixel >> 16), static_cast<unsigned char>(pixel >> 8),
                                   static_cast<unsigned char>(pixel)};
    std::fwrite(bytes, 3, 1, file);
  }
  return std::fclose(file);
}

xcb_window_t largest_window(Display& display) {
  auto* tree = xcb_query_tree_reply(display.x, xcb_query_tree(display.x, display.screen->root), nullptr);
  xcb_window_t largest = 0;
  int most = 0;
  for (int i = 0; tree && i < xcb_query_tree_children_length(tree); ++i) {
    const xcb_window_t each = xcb_query_tree_children(tree)[i];
    auto* size = xcb_get_geometry_reply(display.x, xcb_get_geometry(display.x, each), nullptr);
    if (size && size->width * size->height > most) {
      most = size->width * size->height;
      largest = each;
    }
    std::free(size);
  }
  std::free(tree);
  return largest;
}

void resize(Display& display, xcb_window_t window, int width, int height) {
  const uint32_t values[] = {static_cast<uint32_t>(width), static_cast<uint32_t>(height)};
  xcb_configure_window(display.x, window, XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, values);
}

// As a hand that drags a corner does, which asks for a size every few milliseconds.
void resize_often(Display& display, int times) {
  const xcb_window_t window = largest_window(display);
  for (int i = 0; i < times; ++i) {
    resize(display, window, 800 + i % 50 * 2, 600 + i % 40);
    xcb_flush(display.x);
    usleep(4000);
  }
}

struct Picture {
  int width = 0, height = 0;
  std::vector<unsigned char> bytes;
};
Picture load(const char* path) {
  Picture picture;
  FILE* file = std::fopen(path, "rb");
  if (!file || std::fscanf(file, "P6 %d %d 255", &picture.width, &picture.height) != 2) std::exit(2);
  std::fgetc(file);
  picture.bytes.resize(static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) * 3);
  if (std::fread(picture.bytes.data(), 1, picture.bytes.size(), file) != picture.bytes.size()) std::exit(2);
  std::fclose(file);
  return picture;
}

int psnr(const char* first, const char* second, int top) {
  const Picture a = load(first), b = load(second);
  if (a.width != b.width || a.height != b.height) {
    std::fprintf(stderr, "probe: %dx%d against %dx%d\n", a.width, a.height, b.width, b.height);
    return 1;
  }
  double squares = 0;
  const size_t from = static_cast<size_t>(top) * static_cast<size_t>(a.width) * 3;
  for (size_t i = from; i < a.bytes.size(); ++i) squares += std::pow(a.bytes[i] - b.bytes[i], 2);
  const double mean = squares / static_cast<double>(a.bytes.size() - from);
  std::printf("%.2f\n", mean > 0 ? 10 * std::log10(255 * 255 / mean) : 99);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  auto number = [&](int i, int usual) { return argc > i ? std::atoi(argv[i]) : usual; };
  if (what == "psnr" && argc > 3) return psnr(argv[2], argv[3], number(4, 0));
  Display display;
  if (what == "watch") return watch(display, number(2, 5), number(3, 0));
  if (what == "wait") return wait_for_mark(display, number(2, 10));
  if (what == "shot" && argc > 2) return shot(display, argv[2], argc > 3 ? argv[3] : nullptr);
  if (what == "key") display.tap(static_cast<uint8_t>(number(2, 38)));
  if (what == "window") resize(display, largest_window(display), number(2, 640), number(3, 480));
  if (what == "windows") resize_often(display, number(2, 10));
  if (what == "click") {
    display.fake(XCB_MOTION_NOTIFY, 0, number(2, 0), number(3, 0));
    const auto button = static_cast<uint8_t>(number(4, 1));  // 4 to 7: the wheel
    display.fake(XCB_BUTTON_PRESS, button);
    display.fake(XCB_BUTTON_RELEASE, button);
  }
  const auto [width, height] = display.size();  // a round trip: what was sent is done
  if (what == "size") std::printf("%dx%d\n", width, height);
  return 0;
}
