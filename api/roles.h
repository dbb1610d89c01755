// What a table row may say about a parameter. Client and server evaluate the same expressions: the
// client on the program's arguments, the server on what it decoded. So sizes never travel, and no
// client can lie about one.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace api {

struct Role {
  enum Kind : uint8_t {
    value,        // travels as it is
    address,      // a device address, checked to lie in the window with `extent` bytes
    handle,       // the number of an object; null stays null
    gone,         // the same; the object's number is forgotten after the call
    new_handle,   // pointer: the client picks the number, the server stores what the call made
    in,           // pointer to bytes that travel with the request
    out,          // pointer to bytes that travel with the reply
    inout,        // both
    out_counted,  // pointer to room for `size` bytes; the reply carries a count of bytes, then so many
    text,         // NUL-terminated string
  };
  Kind kind;
  bool sized;               // its size depends on another parameter
  void* parameter;          // where the C parameter itself lives
  size_t size;              // bytes of the value, or behind the pointer
  const void* type;         // of a handle: one address per handle type
  size_t extent = 0;        // of a device address: bytes from there
  size_t** used = nullptr;  // of out_counted: the parameter that points at how many of `size` are filled
  bool opaque = false;      // of in: bytes that are only copied on, so that the peer may still change them

  bool is_pointer() const { return kind >= new_handle; }
  void*& pointer() const { return *static_cast<void**>(parameter); }
};

template <class T>
struct RoleOf : Role {};  // remembers the parameter's type, for the check in row()
template <class H>
inline constexpr char type_of = 0;

namespace role {  // the vocabulary of a row

template <class T>
RoleOf<T> value(T& v) {
  return {{Role::value, false, &v, sizeof v, nullptr}};
}
template <class T>
RoleOf<T> address(T& v, size_t bytes) {
  return {{Role::address, false, &v, sizeof v, nullptr, bytes}};
}
template <class H>
RoleOf<H> handle(H& h) {
  return {{Role::handle, false, &h, sizeof h, &type_of<H>}};
}
template <class H>
RoleOf<H> gone(H& h) {
  return {{Role::gone, false, &h, sizeof h, &type_of<H>}};
}
template <class H>
RoleOf<H*> new_handle(H*& h) {
  return {{Role::new_handle, false, &h, sizeof *h, &type_of<H>}};
}
template <class T>
RoleOf<const T*> in(const T*& p) {
  return {{Role::in, false, &p, sizeof *p, nullptr}};
}
template <class T>
RoleOf<T*> out(T*& p) {
  return {{Role::out, false, &p, sizeof *p, nullptr}};
}
template <class T>
RoleOf<T*> inout(T*& p) {
  return {{Role::inout, false, &p, sizeof *p, nullptr}};
}
template <class T>
RoleOf<const T*> in_array(const T*& p, size_t n) {
  return {{Role::in, true, &p, n * sizeof *p, nullptr}};
}
template <class T>
RoleOf<T*> out_array(T*& p, size_t n) {
  return {{Role::out, true, &p, n * sizeof *p, nullptr}};
}
template <class T>
RoleOf<T*> inout_array(T*& p, size_t n) {
  return {{Role::inout, true, &p, n * sizeof *p, nullptr}};
}
inline RoleOf<const void*> in_bytes(const void*& p, size_t n) { return {{Role::in, true, &p, n, nullptr}}; }
inline RoleOf<void*> out_bytes(void*& p, size_t n) { return {{Role::out, true, &p, n, nullptr}}; }
// Bytes that nobody interprets on their way to where the device keeps them.
inline RoleOf<const void*> in_data(const void*& p, size_t n) {
  return {{Role::in, true, &p, n, nullptr, 0, nullptr, true}};
}
// Room for n bytes at p; *used says how many were filled (an `out` of the same row, before this one).
inline RoleOf<void*> out_counted(void*& p, size_t n, size_t*& used) {
  return {{Role::out_counted, true, &p, n, nullptr, 0, &used}};
}
inline RoleOf<const char*> text(const char*& s) { return {{Role::text, true, &s, 0, nullptr}}; }

// Bytes from the first to the last of `rows` rows of `width` bytes that lie `pitch` apart.
constexpr size_t plane(size_t pitch, size_t width, size_t rows) {
  return rows == 0 || width == 0 ? 0 : (rows - 1) * pitch + width;
}

}  // namespace role

template <class R, class... P, class... T>
std::array<Role, sizeof...(T)> row(R (*)(P...), RoleOf<T>... roles) {
  static_assert(std::is_same_v<void(P...), void(T...)>, "a row needs one role per parameter, in order");
  return {roles...};
}

}  // namespace api
