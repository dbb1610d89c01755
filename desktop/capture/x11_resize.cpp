// RANDR 1.2 and later (randrproto.txt): a mode is made, its output switched to it, the screen fitted around.
#include "desktop/capture/x11_resize.h"

#include <xcb/randr.h>

#include <string>

namespace desktop::x11 {
namespace {

// For as long as it lives no other client sees the screen between sizes.
class Grabbed {
 public:
  explicit Grabbed(const Connection& connection) : connection_(connection) { xcb_grab_server(connection_); }
  ~Grabbed() {
    xcb_ungrab_server(connection_);
    xcb_flush(connection_);
  }
  Grabbed(const Grabbed&) = delete;
  Grabbed& operator=(const Grabbed&) = delete;

 private:
  const Connection& connection_;
};

xcb_randr_mode_t find_mode(const xcb_randr_get_screen_resources_current_reply_t& resources, Size wanted) {
  const auto* modes = xcb_randr_get_screen_resources_current_modes(&resources);
  for (int i = 0; i < xcb_randr_get_screen_resources_current_modes_length(&resources); ++i)
    if (modes[i].width == wanted.width && modes[i].height == wanted.height) return modes[i].id;
  return XCB_NONE;
}

xcb_randr_mode_t make_mode(const Connection& connection, Size wanted) {
  const std::string name = to_text(wanted) + "-outboard";
  xcb_randr_mode_info_t mode{};
  mode.width = mode.hsync_start = mode.hsync_end = static_cast<uint16_t>(wanted.width);
  mode.height = mode.vsync_start = mode.vsync_end = static_cast<uint16_t>(wanted.height);
  mode.htotal = mode.width;
  mode.vtotal = mode.height;
  mode.dot_clock = static_cast<uint32_t>(wanted.width) * static_cast<uint32_t>(wanted.height) * 60;
  mode.name_len = static_cast<uint16_t>(name.size());
  auto cookie =
      xcb_randr_create_mode(connection, connection.root(), mode, static_cast<uint32_t>(name.size()), name.c_str());
  auto made = own(xcb_randr_create_mode_reply(connection, cookie, nullptr));
  return made ? made->mode : XCB_NONE;
}

bool configure(const Connection& connection, xcb_randr_crtc_t crtc, xcb_randr_mode_t mode,
               const xcb_randr_output_t* outputs, uint32_t count) {
  auto cookie = xcb_randr_set_crtc_config(connection, crtc, XCB_CURRENT_TIME, XCB_CURRENT_TIME, 0, 0, mode,
                                          XCB_RANDR_ROTATION_ROTATE_0, count, outputs);
  auto reply = own(xcb_randr_set_crtc_config_reply(connection, cookie, nullptr));
  return reply && reply->status == XCB_RANDR_SET_CONFIG_SUCCESS;
}

bool fit_screen(const Connection& connection, Size size) {
  auto dots = [](int pixels) { return static_cast<uint32_t>(pixels * 254 / 960); };  // millimetres at 96 dots an inch
  auto cookie =
      xcb_randr_set_screen_size_checked(connection, connection.root(), static_cast<uint16_t>(size.width),
                                        static_cast<uint16_t>(size.height), dots(size.width), dots(size.height));
  return !own(xcb_request_check(connection, cookie));
}

}  // namespace

base::Status resize_screen(const Connection& connection, Size wanted) {
  own(xcb_randr_query_version_reply(connection, xcb_randr_query_version(connection, 1, 4), nullptr));
  auto resources = own(xcb_randr_get_screen_resources_current_reply(
      connection, xcb_randr_get_screen_resources_current(connection, connection.root()), nullptr));
  if (!resources || resources->num_outputs < 1 || resources->num_crtcs < 1)
    return base::Error{"the display has no output to resize"};
  const xcb_randr_output_t output = xcb_randr_get_screen_resources_current_outputs(resources.get())[0];
  const xcb_randr_crtc_t crtc = xcb_randr_get_screen_resources_current_crtcs(resources.get())[0];
  xcb_randr_mode_t mode = find_mode(*resources, wanted);
  const bool fresh = mode == XCB_NONE;
  if (fresh) mode = make_mode(connection, wanted);
  if (mode == XCB_NONE) return base::Error{"the display cannot have other sizes (Xvfb cannot; Xvnc can)"};
  auto info = own(xcb_randr_get_output_info_reply(
      connection, xcb_randr_get_output_info(connection, output, XCB_CURRENT_TIME), nullptr));
  if (fresh) xcb_randr_add_output_mode(connection, output, mode);
  auto old = own(
      xcb_randr_get_crtc_info_reply(connection, xcb_randr_get_crtc_info(connection, crtc, XCB_CURRENT_TIME), nullptr));
  Grabbed grabbed(connection);
  configure(connection, crtc, XCB_NONE, nullptr, 0);
  const bool done = fit_screen(connection, wanted) && configure(connection, crtc, mode, &output, 1);
  if (!done && old) {
    fit_screen(connection, {old->width, old->height});
    configure(connection, crtc, old->mode, &output, 1);
  }
  // Of a thousand sizes only the present one is kept.
  if (done && old && old->mode != mode) {
    xcb_randr_delete_output_mode(connection, output, old->mode);
    xcb_randr_destroy_mode(connection, old->mode);
  }
  if (!done) return base::Error{"the display did not take the size"};
  return base::Done{};
}

}  // namespace desktop::x11
