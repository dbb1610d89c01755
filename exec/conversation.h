// Frames of the exec service, after the welcome: PROTOCOL.md, "The exec service". Every payload is a text, JSON where
// not said otherwise, and bytes.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "link/link.h"

namespace exec {

using Json = nlohmann::json;

enum class Kind : uint32_t {
  facts = 64,  // server, first of all: what this host is
  ask,         // client: which of these libraries and commands are there?
  has,         // server: these
  offer,       // client: what it wants to run; bytes: the manifest
  wants,       // server: what it lacks of the offer; bytes: numbers of pieces. Client: the same of results
  piece,       // both: number: the piece's; bytes as packed.h has them
  start,       // client: all pieces are sent, run it
  started,     // server: the job's id
  attach,      // client: to the job, from these offsets on
  output,      // server: number: 1 or 2; text {"at": offset}; bytes
  taken,       // client: {"out": offset, "err": offset} are dealt with. Server: number: so much input is
  input,       // client: number: offset; bytes, none: the end
  signal,      // client: number: which
  window,      // client: number: rows * 65536 + columns
  ended,       // server: how the job ended
  fetch,       // client: what results has the job?
  results,     // server: bytes: the manifest
  fetched,     // client: they are all there
  jobs,        // client: which are there? server: these
  cancel,      // client: end the job
  done,        // server: it is done
  failure,     // both: text: one sentence; nothing follows
  alive,       // both, every few seconds: nothing else is to be said
};

struct Message {
  Kind kind{};
  uint64_t number = 0;
  std::string text;
  std::vector<std::byte> bytes;

  // The text as an object; empty when it is none.
  Json json() const;
};

class Conversation {
 public:
  explicit Conversation(links::Link link) : link_(std::move(link)), input_(link_) {}
  ~Conversation() { link_.channel().farewell(); }  // or the host would wait for our return
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // Any thread. False: the peer is gone. `more` follows the bytes and is part of them.
  bool send(Kind kind, uint64_t number = 0, std::string_view text = {}, std::span<const std::byte> bytes = {},
            std::span<const std::byte> more = {});
  bool send(Kind kind, const Json& json, std::span<const std::byte> bytes = {});
  // One thread. False: the peer is gone, or says what is no frame.
  bool receive(Message& message) { return read(message) || !(broken_ = true); }
  // The next message, which must be of this kind; a failure's text is the error.
  base::Result<Message> expect(Kind kind, const std::string& who);
  // The same, into a message whose memory is used again.
  base::Status expect(Kind kind, const std::string& who, Message& message);
  // The peer went, or said what is no frame.
  bool broken() const { return broken_; }

 private:
  bool read(Message& message);

  links::Link link_;
  links::Input input_;
  std::mutex sending_;
  std::atomic<bool> broken_{false};
};

// Numbers inside JSON that may be missing or of another type.
uint64_t number_in(const Json& json, const char* key, uint64_t otherwise = 0);
std::string text_in(const Json& json, const char* key, const std::string& otherwise = {});
bool flag_in(const Json& json, const char* key);
std::vector<std::string> texts_in(const Json& json, const char* key);

}  // namespace exec
