// The first frame each way: versions, the address window, and what the device is. Its form never changes, so that
// any two versions can at least tell each other why they do not fit.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "api/cuda/device_facts.h"
#include "base/result.h"
#include "wire/writer.h"

namespace wire {

struct Hello {
  uint32_t oldest = 0, newest = 0;            // versions of the protocol the client speaks
  uint64_t window_base = 0, window_size = 0;  // what it reserved (api/window.h)
  std::string build;                          // "outboard 0.1.0"
  std::string program;                        // for the server's log
  std::string capability;    // "13.0": what the device should claim if it can choose; empty: its choice
  std::string checks;        // "memory,races": what shall be checked of the kernels (api/checks.h); empty: nothing
  std::string token{};       // what lets the client in: a secret in base64url; never logged
  uint64_t wishes = 0;       // wire::Wish
  std::string vgpu{};        // the virtual GPU; empty: the token's, or none
  std::string purpose{};     // the service it comes for ("exec"); empty: the driver's calls
  uint64_t generation = 0;   // the latest server of this place that it has met; 0: none
  uint64_t connections = 0;  // that it would use at once, where one may break; 0: one
  std::string machine{};     // boot id; on the same one it wants no way around the pipes; empty: it wants one there, too
};

struct Welcome {
  uint32_t version = 0;  // 0: refused
  std::string refusal;   // a sentence with a next step
  std::string build;
  api::Inventory inventory;
  uint64_t granted = 0;      // of the wishes
  std::string session;       // when resumable: id (16 bytes) and key (32), for the client alone
  uint64_t grace_ms = 0;     // when resumable: how long the worker waits for the client's return
  std::string offer{};       // when direct: wire/offer.h
  uint64_t generation = 0;   // of this server among those that had its place one after the other; 0: it has none
  uint64_t connections = 0;  // when resumable: that the session may have at once; 0: one
};

// The payloads of the two frames.
void write(Writer& writer, const Hello& hello);
void write(Writer& writer, const Welcome& welcome);
base::Result<Hello> read_hello(std::span<std::byte> payload);
base::Result<Welcome> read_welcome(std::span<std::byte> payload);

// The version both speak, or 0 with the sentence that the client shows in `refusal`.
uint32_t choose_version(const Hello& hello, std::string& refusal);

}  // namespace wire
