// The table of Remote Desktop's registry values, and the commands that change them.
#include "doctor/registry.h"

namespace outboard::doctor {

namespace {

constexpr std::string_view policies = R"(HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services)";
constexpr std::string_view stations = R"(HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations)";

// The policies of "Remote Session Environment" (TerminalServer.admx); the frame interval is that of KB2885213.
constexpr RegistryValue table[] = {{"bEnumerateHWBeforeSW", policies, 1},
                                   {"AVCHardwareEncodePreferred", policies, 1},
                                   {"AVC444ModePreferred", policies, 1},
                                   {"fEnableWddmDriver", policies, 1},
                                   {"DWMFRAMEINTERVAL", stations, 15}};

}  // namespace

const RegistryValue* registry_value(std::string_view name) {
  for (const RegistryValue& value : table)
    if (value.name == name) return &value;
  return nullptr;
}

static std::vector<std::string> add_words(const RegistryValue& value, const std::string& data) {
  return {"reg.exe", "add", std::string(value.key), "/v", std::string(value.name), "/t", "REG_DWORD", "/d", data, "/f"};
}

std::vector<std::string> set_words(const RegistryValue& value) {
  return add_words(value, std::to_string(value.wanted));
}

std::vector<std::string> undo_words(const RegistryValue& value, const std::string& before) {
  if (!before.empty()) return add_words(value, before);
  return {"reg.exe", "delete", std::string(value.key), "/v", std::string(value.name), "/f"};
}

std::string as_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    bool quoted = word.find(' ') != std::string::npos;
    line += (line.empty() ? "" : " ") + (quoted ? "\"" + word + "\"" : word);
  }
  return line;
}

}  // namespace outboard::doctor
