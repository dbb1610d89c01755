// How a client comes back after its connection broke (PROTOCOL.md, "A connection that may break").
#pragma once
#include <cstdint>
#include <cstring>
#include <string>

namespace wire {

inline constexpr char return_magic[] = "OBRETURN";  // 8 characters; no frame and no TLS record begins like that

// The first bytes of the connection, before any encryption; the server answers with a u64: 1, it has the session.
struct ReturnHead {
  char magic[8];
  uint8_t id[16];
};
// Then, encrypted where the session was.
struct ReturnKey {
  uint8_t key[32];
  uint64_t received;  // bytes of the server's that have come; with `joins`: this is one more connection
};
struct ReturnAnswer {
  uint64_t good;      // 1, or 0: the key is wrong
  uint64_t received;  // bytes of the client's that have come
};

// In ReturnKey::received: the present connection stays, and this one is to carry bulk beside it, as the number in the
// lower bits. The answer's `good` is 1, 0: not now, 2: never in this session.
inline constexpr uint64_t joins = uint64_t{1} << 63;
// Of one session.
inline constexpr uint64_t most_connections = 8;

// What a welcome carries as its session.
struct SessionSecret {
  uint8_t id[16];
  uint8_t key[32];

  std::string text() const { return {reinterpret_cast<const char*>(this), sizeof *this}; }
  static bool parse(const std::string& text, SessionSecret& secret) {
    if (text.size() != sizeof secret) return false;
    std::memcpy(&secret, text.data(), sizeof secret);
    return true;
  }
};
static_assert(sizeof(SessionSecret) == 48);

}  // namespace wire
