// What a server keeps: virtual GPUs, tokens, and what was used.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace server {

struct VirtualGpu {
  std::string name;
  unsigned gpu = 0;           // which of the server's devices
  uint64_t memory = 0;        // bytes, of all its sessions together
  unsigned percent = 100;     // weight of its share of the device's time
  unsigned sessions = 0;      // at once; 0: as many as the server takes
  uint64_t idle_seconds = 0;  // a session that does nothing for so long ends; 0: never
};

// The secret itself is not kept: `salt` and `verifier` find out whether somebody knows it (secret.h).
struct Token {
  std::string id;  // 16 hexadecimal digits, the secret's public part
  std::string name;
  std::string vgpu;     // its sessions get this one and no other; empty: whatever they ask for
  int64_t created = 0;  // seconds since 1970
  int64_t expires = 0;  // 0: never
  bool revoked = false;
  bool programs = false;  // its bearer may run programs as the server's user (outboard exec)
  std::array<uint8_t, 16> salt{};
  std::array<uint8_t, 32> verifier{};
};

// Sums over sessions of one token (empty: none was needed) and virtual GPU (empty: none).
struct Usage {
  std::string token, vgpu;
  uint64_t sessions = 0, device_ns = 0, bytes_in = 0, bytes_out = 0;

  Usage& operator+=(const Usage& more) {
    sessions += more.sessions;
    device_ns += more.device_ns;
    bytes_in += more.bytes_in;
    bytes_out += more.bytes_out;
    return *this;
  }
  // What came since `earlier`; clocks that seem to run backwards give nothing.
  Usage since(const Usage& earlier) const {
    auto rise = [](uint64_t now, uint64_t then) { return now - std::min(now, then); };
    return {token,
            vgpu,
            rise(sessions, earlier.sessions),
            rise(device_ns, earlier.device_ns),
            rise(bytes_in, earlier.bytes_in),
            rise(bytes_out, earlier.bytes_out)};
  }
  bool nothing() const { return !sessions && !device_ns && !bytes_in && !bytes_out; }
};

// "small", "team-a.2": what virtual GPUs and tokens may be called.
inline bool is_name(const std::string& text) {
  constexpr auto allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !text.empty() && text.size() < 64 && text.front() != '.' && text.find_first_not_of(allowed) == text.npos;
}

}  // namespace server
