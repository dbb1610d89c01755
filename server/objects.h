// What one client may name: its handles, by the number the client picked and by type.
#pragma once
#include <cstdint>
#include <unordered_map>

namespace server {

class Objects {
 public:
  // False when the number is taken: a client that numbers twice is broken.
  bool add(uint64_t number, const void* type, void* handle) { return objects_.try_emplace(number, Entry{type, handle}).second; }
  // nullptr: not this client's, or of another type.
  void* find(uint64_t number, const void* type) const {
    auto found = objects_.find(number);
    return found != objects_.end() && found->second.type == type ? found->second.handle : nullptr;
  }
  void remove(uint64_t number) { objects_.erase(number); }
  size_t size() const { return objects_.size(); }

 private:
  struct Entry {
    const void* type;
    void* handle;
  };
  std::unordered_map<uint64_t, Entry> objects_;
};

}  // namespace server
