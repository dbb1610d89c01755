// Binding: every byte of a request is the peer's, so every size, number and address is checked here.
#include "server/call.h"

#include <algorithm>
#include <cstring>

#include "api/window.h"

namespace server {

using api::Role;

namespace {

bool returns(const Role& role) {
  return role.kind == Role::out || role.kind == Role::inout || role.kind == Role::out_counted;
}

size_t aligned(size_t size) { return (size + 7) & ~size_t{7}; }

// CUDA's allocations lie in the window; 0 bytes from anywhere are no access.
bool outside_window(uint64_t address, size_t extent) {
  if (extent == 0) return false;
  return !api::in_window(address) || extent > api::window_base + api::window_size - address;
}

}  // namespace

Call::Call(Objects& objects, std::span<std::byte> request, bool shared)
    : objects_(objects), reader_(request), head_(reader_.get<wire::CallHead>()), shared_(shared) {}

void* Call::own_copy(void* bytes, size_t size) {
  if (!shared_ || !bytes) return bytes;
  copies_.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
  return std::memcpy(copies_.back().get(), bytes, size);
}

void Call::bind_fixed(std::span<const Role> roles) {
  for (const Role& role : roles)
    if (!role.is_pointer()) bind_value(role);
}

void Call::bind_value(const Role& role) {
  if (void* bytes = reader_.take(role.size)) std::memcpy(role.parameter, bytes, role.size);
  if ((role.kind != Role::handle && role.kind != Role::gone) || !role.pointer()) return;
  auto number = reinterpret_cast<uint64_t>(role.pointer());
  role.pointer() = objects_.find(number, role.type);
  if (!role.pointer()) refusal_ = CUDA_ERROR_INVALID_HANDLE;
  if (role.kind == Role::gone) gone_.push_back(number);
}

void Call::bind_sized(std::span<const Role> roles) {
  for (const Role& role : roles) {
    if (role.kind == Role::address) {
      uint64_t address = 0;
      std::memcpy(&address, role.parameter, sizeof address);
      if (outside_window(address, role.extent) && !objects_.is_exposed(address, role.extent))
        refusal_ = CUDA_ERROR_INVALID_VALUE;
    }
    if (role.is_pointer() && !null(roles.data(), role)) bind_input(role);
  }
  if (reader_.at_end()) bind_room(roles);
}

void Call::bind_input(const Role& role) {
  switch (role.kind) {
    case Role::in: {
      void* bytes = reader_.take(role.size);
      role.pointer() = role.opaque ? bytes : own_copy(bytes, role.size);
      return;
    }
    case Role::inout: role.pointer() = reader_.take(role.size); return;
    case Role::new_handle:
      new_handle_ = {reader_.get<uint64_t>(), nullptr, role.type};
      role.pointer() = &new_handle_.handle;
      if (objects_.find(new_handle_.number, role.type) || !new_handle_.number) malformed_ = true;
      return;
    case Role::text: {
      auto size = reader_.get<uint64_t>();
      auto* text = static_cast<char*>(own_copy(reader_.take(size), size));
      if (!text || !size || text[size - 1]) reader_.fail();
      role.pointer() = text;
      return;
    }
    default: return;
  }
}

// Room for all outputs at once, so that their addresses stay good; a reply larger than any legal one ends the
// session before anything ran.
void Call::bind_room(std::span<const Role> roles) {
  size_t total = sizeof(wire::ReplyHead);
  for (const Role& role : roles) {
    if (!returns(role) || null(roles.data(), role)) continue;
    if (role.size > wire::max_reply || total > wire::max_reply) {
      malformed_ = true;
      return;
    }
    total += aligned(role.size) + (role.kind == Role::out_counted ? sizeof(uint64_t) : 0);
  }
  if (total > small_reply_.size()) large_reply_.resize(total);
  reply_ = total > small_reply_.size() ? std::span(large_reply_) : std::span(small_reply_).first(total);
  if (large_reply_.empty()) std::ranges::fill(reply_, std::byte{});  // what is not filled travels, too
  size_t used = sizeof(wire::ReplyHead);
  for (const Role& role : roles) {
    if (!returns(role) || null(roles.data(), role)) continue;
    if (role.kind == Role::out_counted) used += sizeof(uint64_t);
    void* place = reply_.data() + used;
    if (role.kind == Role::inout) std::memcpy(place, role.pointer(), role.size);
    role.pointer() = place;
    used += aligned(role.size);
  }
}

bool Call::ready() {
  if (!well_formed()) return false;
  if (refusal_ == CUDA_SUCCESS) return true;
  auto head = wire::ReplyHead{static_cast<int32_t>(refusal_), 0};
  std::memcpy(reply_.data(), &head, sizeof head);
  return false;
}

void Call::finish(CUresult result, std::span<const Role> roles) {
  auto head = wire::ReplyHead{static_cast<int32_t>(result), 0};
  std::memcpy(reply_.data(), &head, sizeof head);
  size_t used = sizeof head;
  for (const Role& role : roles) {
    if (!returns(role) || null(roles.data(), role)) continue;
    size_t size = role.size;
    if (role.kind == Role::out_counted) {  // close the gap behind what was filled
      uint64_t filled = std::min<uint64_t>(role.used && *role.used ? **role.used : 0, role.size);
      std::memcpy(reply_.data() + used, &filled, sizeof filled);
      used += sizeof filled;
      size = filled;
    }
    std::memmove(reply_.data() + used, role.pointer(), size);
    used += aligned(size);
  }
  reply_ = reply_.first(used);
  if (result != CUDA_SUCCESS) return;
  for (uint64_t number : gone_) objects_.remove(number);
  if (new_handle_.number) objects_.add(new_handle_.number, new_handle_.type, new_handle_.handle);
}

}  // namespace server
