// Frames as a peer makes them that need not keep to the protocol.
#pragma once
#include <cstring>
#include <span>
#include <vector>

#include "link/link.h"
#include "wire/message.h"

namespace hostile {

inline bool send(links::Link& link, wire::Kind kind, uint64_t number, std::span<const std::byte> payload,
                 uint32_t claimed) {
  wire::FrameHead head{claimed, kind, number};
  iovec pieces[] = {{&head, sizeof head}, {const_cast<std::byte*>(payload.data()), payload.size()}};
  return link.write_all(pieces);
}
inline bool send(links::Link& link, wire::Kind kind, uint64_t number, std::span<const std::byte> payload) {
  return send(link, kind, number, payload, static_cast<uint32_t>(payload.size()));
}

// True when the peer closes within five seconds; whatever it says before is dropped.
inline bool closes(links::Link& link) {
  char bytes[4096];
  for (;;) {
    if (!link.channel().wait(true, false, 5000).reading) return false;
    if (link.read_some(bytes, sizeof bytes) <= 0) return true;
  }
}

inline std::vector<std::byte> call_of(uint32_t opcode, size_t parameter_bytes = 0) {
  std::vector<std::byte> payload(sizeof(wire::CallHead) + parameter_bytes);
  wire::CallHead head{opcode, 0, 0};
  std::memcpy(payload.data(), &head, sizeof head);
  return payload;
}

}  // namespace hostile
