// What everything that talks to an X server has in common: a connection, replies with one owner, the root window.
//
// XCB, because several threads may use one connection and a server that dies is an error, not an exit.
#pragma once
#include <xcb/xcb.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/result.h"

namespace desktop::x11 {

struct Freed {
  void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using Owned = std::unique_ptr<T, Freed>;

template <class T>
Owned<T> own(T* pointer) {
  return Owned<T>(pointer);
}

class Connection {
 public:
  // Also asks for the extensions that are needed by name; an error names the one that is missing.
  static base::Result<Connection> open(const std::string& display);
  ~Connection() {
    if (xcb_) xcb_disconnect(xcb_);
  }
  Connection(Connection&& other) noexcept
      : xcb_(std::exchange(other.xcb_, nullptr)), screen_(other.screen_), display_(std::move(other.display_)) {}
  Connection& operator=(Connection&&) = delete;

  operator xcb_connection_t*() const { return xcb_; }
  xcb_screen_t* screen() const { return screen_; }
  xcb_window_t root() const { return screen_->root; }
  const std::string& display() const { return display_; }
  bool broken() const { return xcb_connection_has_error(xcb_) != 0; }
  bool has(xcb_extension_t* extension) const {
    auto* data = xcb_get_extension_data(xcb_, extension);
    return data && data->present;
  }
  uint8_t first_event(xcb_extension_t* extension) const { return xcb_get_extension_data(xcb_, extension)->first_event; }
  xcb_atom_t atom(const char* name) const;

 private:
  Connection(xcb_connection_t* xcb, xcb_screen_t* screen, std::string display)
      : xcb_(xcb), screen_(screen), display_(std::move(display)) {}
  xcb_connection_t* xcb_;
  xcb_screen_t* screen_;
  std::string display_;
};

}  // namespace desktop::x11
