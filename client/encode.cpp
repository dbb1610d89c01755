// Requests out, replies in; both walk the roles in order, and both sides walk the same roles.
#include "client/encode.h"

#include <cstring>

#include "wire/message.h"

namespace client {
namespace {

using api::Role;

uint32_t null_pointers(std::span<const Role> roles) {
  uint32_t nulls = 0;
  for (size_t i = 0; i < roles.size(); ++i)
    if (roles[i].is_pointer() && !roles[i].pointer()) nulls |= 1u << i;
  return nulls;
}

bool travels(const Role& role) {
  return role.kind == Role::in || role.kind == Role::inout || role.kind == Role::new_handle || role.kind == Role::text;
}

// The last bytes of a request, when they are many.
const Role* find_bulk(std::span<const Role> roles) {
  for (size_t i = roles.size(); i-- > 0;)
    if (roles[i].is_pointer() && roles[i].pointer() && travels(roles[i]))
      return roles[i].kind == Role::in && roles[i].size >= bulk_from ? &roles[i] : nullptr;
  return nullptr;
}

void put_data(wire::Writer& writer, const Role& role) {
  if (!role.pointer()) return;
  switch (role.kind) {
    case Role::in:
    case Role::inout:
    case Role::new_handle: return writer.put(role.pointer(), role.size);
    case Role::text: {
      uint64_t size = std::strlen(static_cast<const char*>(role.pointer())) + 1;
      writer.put(size);
      return writer.put(role.pointer(), size);
    }
    default: return;
  }
}

// On failure the driver leaves a program's outputs alone, but log texts and their lengths are filled in.
bool filled_on_failure(std::span<const Role> roles, const Role& role) {
  if (role.kind == Role::out_counted) return true;
  for (const Role& other : roles)
    if (other.kind == Role::out_counted && other.used && *other.used == role.pointer()) return true;
  return false;
}

}  // namespace

void encode_request(wire::Writer& writer, uint32_t opcode, uint64_t context, std::span<const Role> roles, Bulk* bulk) {
  writer.put(wire::CallHead{opcode, null_pointers(roles), context});
  for (const Role& role : roles)
    if (!role.is_pointer()) writer.put(role.parameter, role.size);
  const Role* apart = bulk ? find_bulk(roles) : nullptr;
  for (const Role& role : roles) {
    if (!role.is_pointer()) continue;
    if (&role == apart)
      *bulk = {role.pointer(), role.size};
    else
      put_data(writer, role);
  }
  writer.align();
}

CUresult decode_reply(std::span<std::byte> reply, std::span<const Role> roles) {
  wire::Reader reader(reply);
  auto head = reader.get<wire::ReplyHead>();
  auto answer = static_cast<CUresult>(head.pending ? head.pending : head.result);
  if (head.result != CUDA_SUCCESS && reader.at_end()) return answer;  // refused before it ran: no outputs
  const void* places[32] = {};
  size_t sizes[32] = {};
  for (size_t i = 0; i < roles.size(); ++i) {
    const Role& role = roles[i];
    bool returns = role.kind == Role::out || role.kind == Role::inout || role.kind == Role::out_counted;
    if (!returns || !role.pointer()) continue;
    sizes[i] = role.kind == Role::out_counted ? reader.get<uint64_t>() : role.size;
    if (sizes[i] > role.size) return CUDA_ERROR_UNKNOWN;
    places[i] = reader.take(sizes[i]);
  }
  if (!reader.at_end()) return CUDA_ERROR_UNKNOWN;
  for (size_t i = 0; i < roles.size(); ++i)
    if (places[i] && (head.result == CUDA_SUCCESS || filled_on_failure(roles, roles[i])))
      std::memcpy(roles[i].pointer(), places[i], sizes[i]);
  return answer;
}

}  // namespace client
