// What one client may name: its handles, by the number the client picked and by type, and its addresses. Thread-safe:
// calls of several client threads run side by side.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>

namespace server {

class Objects {
 public:
  // False when the number is taken: a client that numbers twice is broken.
  bool add(uint64_t number, const void* type, void* handle) {
    std::lock_guard hold(lock_);
    return objects_.try_emplace(number, Entry{type, handle}).second;
  }
  // nullptr: not this client's, or of another type.
  void* find(uint64_t number, const void* type) const {
    std::lock_guard hold(lock_);
    auto found = objects_.find(number);
    return found != objects_.end() && found->second.type == type ? found->second.handle : nullptr;
  }
  void remove(uint64_t number) {
    std::lock_guard hold(lock_);
    objects_.erase(number);
  }
  // Device memory outside of the window, which the device itself chose: a module's variables.
  void expose(uint64_t address, size_t size) {
    std::lock_guard hold(lock_);
    exposed_[address] = size;
  }
  void withdraw(uint64_t address) {
    std::lock_guard hold(lock_);
    exposed_.erase(address);
  }
  bool is_exposed(uint64_t address, size_t size) const {
    std::lock_guard hold(lock_);
    auto after = exposed_.upper_bound(address);
    if (after == exposed_.begin()) return false;
    auto [begin, room] = *std::prev(after);
    return address - begin <= room && size <= room - (address - begin);
  }
  size_t size() const {
    std::lock_guard hold(lock_);
    return objects_.size();
  }

 private:
  struct Entry {
    const void* type;
    void* handle;
  };
  mutable std::mutex lock_;
  std::unordered_map<uint64_t, Entry> objects_;
  std::map<uint64_t, size_t> exposed_;
};

}  // namespace server
