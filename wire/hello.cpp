// Hello and welcome, byte for byte: PROTOCOL.md, "The greeting".
#include "wire/hello.h"

#include <algorithm>
#include <cstring>

#include "api/window.h"
#include "wire/message.h"
#include "wire/reader.h"

namespace wire {
namespace {

constexpr uint64_t magic = 0x44'52'41'4f'42'54'55'4f;  // "OUTBOARD"
constexpr size_t longest_text = 4096;
constexpr uint32_t most_devices = 64;

void put_text(Writer& writer, const std::string& text) {
  uint64_t size = std::min(text.size(), longest_text);
  writer.put(size);
  writer.put(text.data(), size);
}

std::string get_text(Reader& reader) {
  auto size = reader.get<uint64_t>();
  if (size > longest_text) reader.fail();
  const void* bytes = reader.take(size);
  return bytes ? std::string(static_cast<const char*>(bytes), size) : std::string();
}

}  // namespace

void write(Writer& writer, const Hello& hello) {
  writer.put(magic);
  writer.put(hello.oldest);
  writer.put(hello.newest);
  writer.put(hello.window_base);
  writer.put(hello.window_size);
  put_text(writer, hello.build);
  put_text(writer, hello.program);
  put_text(writer, hello.capability);
  put_text(writer, hello.checks);
  put_text(writer, hello.token);
  writer.put(hello.wishes);
  put_text(writer, hello.vgpu);
  put_text(writer, hello.purpose);
  writer.put(hello.generation);
  writer.put(hello.connections);
  put_text(writer, hello.machine);
  writer.align();
}

base::Result<Hello> read_hello(std::span<std::byte> payload) {
  Reader reader(payload);
  if (reader.get<uint64_t>() != magic) return base::Error{"the peer does not speak Outboard's protocol"};
  Hello hello;
  hello.oldest = reader.get<uint32_t>();
  hello.newest = reader.get<uint32_t>();
  hello.window_base = reader.get<uint64_t>();
  hello.window_size = reader.get<uint64_t>();
  hello.build = get_text(reader);
  hello.program = get_text(reader);
  hello.capability = get_text(reader);
  // Earlier builds end sooner, later ones append.
  if (!reader.at_end()) hello.checks = get_text(reader);
  if (!reader.at_end()) hello.token = get_text(reader);
  if (!reader.at_end()) hello.wishes = reader.get<uint64_t>();
  if (!reader.at_end()) hello.vgpu = get_text(reader);
  if (!reader.at_end()) hello.purpose = get_text(reader);
  if (!reader.at_end()) hello.generation = reader.get<uint64_t>();
  if (!reader.at_end()) hello.connections = reader.get<uint64_t>();
  if (!reader.at_end()) hello.machine = get_text(reader);
  if (!reader.ok()) return base::Error{"the peer's hello is cut short"};
  return hello;
}

void write(Writer& writer, const Welcome& welcome) {
  writer.put(magic);
  writer.put(welcome.version);
  put_text(writer, welcome.refusal);
  put_text(writer, welcome.build);
  writer.put(static_cast<int32_t>(welcome.inventory.driver_version));
  writer.put(static_cast<uint32_t>(welcome.inventory.devices.size()));
  for (const api::DeviceFacts& facts : welcome.inventory.devices) writer.put(facts);
  writer.put(welcome.granted);
  put_text(writer, welcome.session);
  writer.put(welcome.grace_ms);
  put_text(writer, welcome.offer);
  writer.put(welcome.generation);
  writer.put(welcome.connections);
  writer.align();
}

base::Result<Welcome> read_welcome(std::span<std::byte> payload) {
  Reader reader(payload);
  if (reader.get<uint64_t>() != magic) return base::Error{"the peer does not speak Outboard's protocol"};
  Welcome welcome;
  welcome.version = reader.get<uint32_t>();
  welcome.refusal = get_text(reader);
  welcome.build = get_text(reader);
  if (reader.ok() && welcome.version == 0) return welcome;
  welcome.inventory.driver_version = reader.get<int32_t>();
  auto devices = reader.get<uint32_t>();
  if (devices > most_devices) reader.fail();
  for (uint32_t i = 0; reader.ok() && i < devices; ++i) {
    welcome.inventory.devices.push_back(reader.get<api::DeviceFacts>());
    welcome.inventory.devices.back().name[sizeof(api::DeviceFacts::name) - 1] = 0;
  }
  if (!reader.at_end()) welcome.granted = reader.get<uint64_t>();
  if (!reader.at_end()) welcome.session = get_text(reader);
  if (!reader.at_end()) welcome.grace_ms = reader.get<uint64_t>();
  if (!reader.at_end()) welcome.offer = get_text(reader);
  if (!reader.at_end()) welcome.generation = reader.get<uint64_t>();
  if (!reader.at_end()) welcome.connections = reader.get<uint64_t>();
  if (!reader.ok()) return base::Error{"the server's welcome is cut short"};
  return welcome;
}

uint32_t choose_version(const Hello& hello, std::string& refusal) {
  uint32_t version = std::min(hello.newest, newest_version);
  if (version < std::max(hello.oldest, oldest_version)) {
    bool client_is_old = hello.newest < oldest_version;
    refusal = "the server speaks protocol versions " + std::to_string(oldest_version) + " to " +
              std::to_string(newest_version) + ", this client " + std::to_string(hello.oldest) + " to " +
              std::to_string(hello.newest) + "; update Outboard on the " + (client_is_old ? "client" : "server");
    return 0;
  }
  if (hello.window_base != api::window_base || hello.window_size != api::window_size) {
    refusal = "client and server reserve different address windows; install the same version of Outboard on both";
    return 0;
  }
  return version;
}

}  // namespace wire
