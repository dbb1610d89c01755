// Handles that are numbers dressed as pointers: a place in a table and how often that place was used, so that a stale
// or invented one is found out without touching memory.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace vgpu {

template <class Object, class Handle>
class Handles {
 public:
  Handle add(std::shared_ptr<Object> object) {
    size_t at = 0;
    while (at < places_.size() && places_[at].object) ++at;
    if (at == places_.size()) places_.emplace_back();
    Place& place = places_[at];
    place.object = std::move(object);
    return make(at, ++place.uses);
  }
  // nullptr: there is none, or no longer.
  std::shared_ptr<Object> find(Handle handle) const {
    auto number = reinterpret_cast<uint64_t>(handle);
    uint64_t at = (number >> 4) % most;
    if (at >= places_.size() || make(at, places_[at].uses) != handle) return nullptr;
    return places_[at].object;
  }
  std::shared_ptr<Object> remove(Handle handle) {
    std::shared_ptr<Object> object = find(handle);
    if (object) places_[(reinterpret_cast<uint64_t>(handle) >> 4) % most].object.reset();
    return object;
  }
  template <class Chosen>
  void remove_if(Chosen chosen) {
    for (Place& place : places_)
      if (place.object && chosen(*place.object)) place.object.reset();
  }

 private:
  static constexpr uint64_t most = uint64_t{1} << 24;
  struct Place {
    std::shared_ptr<Object> object;
    uint64_t uses = 0;
  };
  static Handle make(uint64_t at, uint64_t uses) {
    return reinterpret_cast<Handle>((uses << 28 | at << 4) + 8);  // no address that an object could have
  }
  std::vector<Place> places_;
};

}  // namespace vgpu
