#include "desktop/capture/x11.h"

#include <cstring>

namespace desktop::x11 {

base::Result<Connection> Connection::open(const std::string& display) {
  int number = 0;
  xcb_connection_t* xcb = xcb_connect(display.empty() ? nullptr : display.c_str(), &number);
  if (const int error = xcb_connection_has_error(xcb)) {
    xcb_disconnect(xcb);
    return base::Error{"cannot reach the X display " + (display.empty() ? std::string("(DISPLAY)") : display) +
                       (error == XCB_CONN_CLOSED_PARSE_ERR ? ": this is no display's name"
                                                           : ": nobody listens there, or it does not let us in")};
  }
  xcb_screen_iterator_t at = xcb_setup_roots_iterator(xcb_get_setup(xcb));
  while (number-- > 0) xcb_screen_next(&at);
  return Connection(xcb, at.data, display);
}

xcb_atom_t Connection::atom(const char* name) const {
  auto cookie = xcb_intern_atom(xcb_, 0, static_cast<uint16_t>(std::strlen(name)), name);
  auto reply = own(xcb_intern_atom_reply(xcb_, cookie, nullptr));
  return reply ? reply->atom : xcb_atom_t{XCB_ATOM_NONE};
}

}  // namespace desktop::x11
