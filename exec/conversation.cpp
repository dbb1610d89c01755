#include "exec/conversation.h"

#include <nlohmann/json.hpp>

#include "wire/message.h"

namespace exec {
namespace {

constexpr size_t largest_frame = size_t{256} << 20;  // a manifest of a million files

struct Head {
  uint32_t size;
  Kind kind;
  uint64_t number;
};

}  // namespace

Json Message::json() const {
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : Json::object();
}

bool Conversation::send(Kind kind, uint64_t number, std::string_view text, std::span<const std::byte> bytes,
                        std::span<const std::byte> more) {
  static constexpr char zeros[8] = {};
  uint64_t sizes[2] = {text.size(), bytes.size() + more.size()};
  const size_t first = wire::padded(text.size()), second = wire::padded(sizes[1]);
  Head head{static_cast<uint32_t>(16 + first + second), kind, number};
  iovec pieces[] = {{&head, sizeof head},
                    {sizes, sizeof sizes},
                    {const_cast<char*>(text.data()), text.size()},
                    {const_cast<char*>(zeros), first - text.size()},
                    {const_cast<std::byte*>(bytes.data()), bytes.size()},
                    {const_cast<std::byte*>(more.data()), more.size()},
                    {const_cast<char*>(zeros), second - sizes[1]}};
  std::lock_guard hold(sending_);
  if (!link_.write_all(pieces)) broken_ = true;
  return !broken_;
}

bool Conversation::send(Kind kind, const Json& json, std::span<const std::byte> bytes) {
  return send(kind, 0, json.dump(-1, ' ', false, Json::error_handler_t::replace), bytes);
}

bool Conversation::read(Message& message) {
  Head head{};
  uint64_t sizes[2] = {};
  if (!input_.read(&head, sizeof head) || head.size < sizeof sizes || head.size > largest_frame || head.size % 8)
    return false;
  if (!input_.read(sizes, sizeof sizes)) return false;
  const uint64_t room = head.size - sizeof sizes;
  if (sizes[0] > room || sizes[1] > room || wire::padded(sizes[0]) + wire::padded(sizes[1]) != room) return false;
  message.kind = head.kind;
  message.number = head.number;
  message.text.resize(wire::padded(sizes[0]));
  message.bytes.resize(wire::padded(sizes[1]));
  if (!input_.read(message.text.data(), message.text.size())) return false;
  if (!input_.read(message.bytes.data(), message.bytes.size())) return false;
  message.text.resize(sizes[0]);
  message.bytes.resize(sizes[1]);
  return true;
}

base::Result<Message> Conversation::expect(Kind kind, const std::string& who) {
  Message message;
  TRY(expect(kind, who, message));
  return message;
}

base::Status Conversation::expect(Kind kind, const std::string& who, Message& message) {
  do
    if (!receive(message)) return base::Error{"the connection to " + who + " broke"};
  while (message.kind == Kind::alive);
  if (message.kind == Kind::failure) return base::Error{message.text};
  if (message.kind != kind) return base::Error{who + " does not keep to the protocol of exec; update Outboard there"};
  return base::Done{};
}

uint64_t number_in(const Json& json, const char* key, uint64_t otherwise) {
  auto found = json.find(key);
  return found != json.end() && found->is_number_unsigned() ? found->get<uint64_t>() : otherwise;
}

std::string text_in(const Json& json, const char* key, const std::string& otherwise) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

bool flag_in(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

std::vector<std::string> texts_in(const Json& json, const char* key) {
  std::vector<std::string> texts;
  auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return texts;
  for (const Json& each : *found)
    if (each.is_string()) texts.push_back(each.get<std::string>());
  return texts;
}

}  // namespace exec
