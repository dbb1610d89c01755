// What a worker and its listener say to each other over a socket of their own: few questions, each checked by the
// listener, because a worker may have fallen to its client.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/fd.h"

namespace server {

enum class Question : uint32_t {
  salt,     // of the token `token`
  enter,    // with token and proof, or none: may this client have what it wants?
  publish,  // the descriptor of memory that other workers may open by its name
  open,     // memory that another worker published
};

struct ToListener {
  Question question{};
  uint32_t waits = 0;      // enter: queue rather than refuse
  uint32_t asks_only = 0;  // enter: it leaves after the greeting
  char token[24] = {};     // id; empty: it has none
  uint8_t proof[32] = {};
  char vgpu[64] = {};  // empty: whatever the token says
  char program[256] = {};
  char purpose[32] = {};    // enter: the service; empty: the driver's calls
  uint8_t memory[16] = {};  // name of published memory
};

enum class Answer : uint32_t {
  salt,
  entered,  // with the virtual GPU's memory ledger as descriptor, if there is one; or with the service's stream
  refused,
  queued,  // another answer to the same question follows
  memory,  // with its descriptor; without: there is none
  hold,    // the share allows nothing any more (device/share.h)
  end,     // the session is over; `text` says why
};

struct ToWorker {
  Answer answer{};
  uint32_t position = 0;  // queued: 1 is next
  uint8_t salt[16] = {};
  uint64_t memory_bytes = 0;  // entered: the quota; 0: no virtual GPU
  uint32_t slot = 0;          // in the ledger
  char vgpu[64] = {};
  char text[512] = {};
};

template <size_t size>
void put(char (&field)[size], const std::string& text) {
  std::memset(field, 0, size);
  std::memcpy(field, text.data(), std::min(text.size(), size - 1));
}
// The other side's bytes need no end.
template <size_t size>
std::string get(const char (&field)[size]) {
  return {field, strnlen(field, size)};
}

// Whole messages over a SOCK_SEQPACKET socket, each with a descriptor or none. False: the other side is gone, or
// (listener's end, which does not wait) takes nothing now.
bool send_message(int socket, const void* message, size_t size, int descriptor, bool wait);
bool receive_message(int socket, void* message, size_t size, base::Fd* descriptor, bool wait);

template <class Message>
bool send(int socket, const Message& message, int descriptor = -1, bool wait = true) {
  return send_message(socket, &message, sizeof message, descriptor, wait);
}
template <class Message>
bool receive(int socket, Message& message, base::Fd* descriptor, bool wait) {
  return receive_message(socket, &message, sizeof message, descriptor, wait);
}

}  // namespace server
