// Records of probes in a pipe.
#include "doctor/probes/sink.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace outboard::doctor::probes {

namespace {

struct Head {
  uint8_t word;
  uint8_t unused[3];
  uint32_t key_size, text_size;
};
constexpr uint32_t largest_key = 4096;
constexpr uint32_t largest_text = 4 << 20;

}  // namespace

void Sink::put(Word word, std::string_view key, std::string_view text) {
  key = key.substr(0, largest_key);
  text = text.substr(0, largest_text);
  Head head = {static_cast<uint8_t>(word), {}, static_cast<uint32_t>(key.size()), static_cast<uint32_t>(text.size())};
  std::string record(reinterpret_cast<const char*>(&head), sizeof head);
  record.append(key).append(text);
  for (size_t sent = 0; sent < record.size();) {
    ssize_t size = write(pipe_, record.data() + sent, record.size() - sent);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    sent += static_cast<size_t>(size);
  }
}

size_t records(std::string_view bytes, const Take& take) {
  size_t used = 0;
  while (bytes.size() - used >= sizeof(Head)) {
    Head head;
    std::memcpy(&head, bytes.data() + used, sizeof head);
    if (head.word < 1 || head.word > 3 || head.key_size > largest_key || head.text_size > largest_text) break;
    size_t whole = sizeof head + head.key_size + head.text_size;
    if (bytes.size() - used < whole) break;
    std::string_view rest = bytes.substr(used + sizeof head);
    take(static_cast<Sink::Word>(head.word), rest.substr(0, head.key_size), rest.substr(head.key_size, head.text_size));
    used += whole;
  }
  return used;
}

}  // namespace outboard::doctor::probes
