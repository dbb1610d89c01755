// Memory for pieces, which is not filled with zeros first: it is read into, and pieces are large.
#pragma once
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace exec {

template <class T>
struct Unfilled : std::allocator<T> {
  template <class Other>
  struct rebind {
    using other = Unfilled<Other>;
  };
  Unfilled() = default;
  template <class Other>
  Unfilled(const Unfilled<Other>&) {}
  template <class Value>
  void construct(Value* place) {
    ::new (static_cast<void*>(place)) Value;
  }
  template <class Value, class... From>
  void construct(Value* place, From&&... from) {
    std::construct_at(place, std::forward<From>(from)...);
  }
};

using Bytes = std::vector<std::byte, Unfilled<std::byte>>;

}  // namespace exec
