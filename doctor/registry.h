// The values of Windows' registry that steer its Remote Desktop: where each lies, what it should be, and how to set it
// and to put back what was there.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace outboard::doctor {

struct RegistryValue {
  std::string_view name, key;
  long wanted;
};

// Null: none of ours.
const RegistryValue* registry_value(std::string_view name);

// The words of reg.exe. `before` is what the value was, in decimal; empty: there was none.
std::vector<std::string> set_words(const RegistryValue& value);
std::vector<std::string> undo_words(const RegistryValue& value, const std::string& before);
// The same as one line to paste.
std::string as_line(const std::vector<std::string>& words);

}  // namespace outboard::doctor
