// Text of unknown origin.
#include "base/reading/text.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "base/utf8.h"

namespace base::reading {

namespace {

// The length of the UTF-8 sequence at the start; 0: there is none (RFC 3629, section 4).
size_t sequence(std::string_view bytes) {
  auto byte = [&](size_t at) { return static_cast<uint8_t>(bytes[at]); };
  uint8_t first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  size_t length = first >= 0xC2 && first < 0xE0   ? 2
                  : first >= 0xE0 && first < 0xF0 ? 3
                  : first >= 0xF0 && first < 0xF5 ? 4
                                                  : 0;
  if (length == 0 || bytes.size() < length) return 0;
  uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t at = 2; at < length; ++at)
    if ((byte(at) & 0xC0) != 0x80) return 0;
  return length;
}

std::string from_utf16(std::string_view bytes) {
  std::string text;
  auto unit = [&](size_t at) {
    return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at]) | static_cast<uint8_t>(bytes[at + 1]) << 8);
  };
  for (size_t at = 0; at + 1 < bytes.size(); at += 2) {
    uint32_t code = unit(at);
    if (code == 0xFEFF || code == 0) continue;
    bool leads = code >= 0xD800 && code < 0xDC00 && at + 3 < bytes.size();
    if (leads && unit(at + 2) >= 0xDC00 && unit(at + 2) < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (unit(at + 2) - 0xDC00);
      at += 2;
    } else if (code >= 0xD800 && code < 0xE000) {
      code = '?';
    }
    append_utf8(text, code);
  }
  return text;
}

// ASCII in UTF-16LE has a NUL at every odd place.
bool looks_like_utf16(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE")) return true;
  size_t nuls = 0, places = std::min<size_t>(bytes.size(), 512) / 2;
  for (size_t at = 0; at < places; ++at) nuls += bytes[2 * at + 1] == '\0' && bytes[2 * at] != '\0';
  return places > 0 && nuls * 2 > places;
}

}  // namespace

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t length = sequence(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string as_text(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    size_t length = sequence(bytes);
    text += length == 0 ? "?" : bytes.substr(0, length);
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  return text;
}

std::string from_windows(std::string_view bytes) {
  std::string text = looks_like_utf16(bytes) ? from_utf16(bytes) : as_text(bytes);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  std::erase(text, '\r');
  return text;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    parts.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(), [](unsigned char c) { return std::tolower(c); });
  return copy;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string ini_value(std::string_view file, std::string_view section, std::string_view name) {
  std::string current;
  for (const std::string& line : lines(file)) {
    std::string_view text = trim(line);
    size_t equals = text.find('=');
    if (text.starts_with('[') && text.ends_with(']'))
      current = lower(trim(text.substr(1, text.size() - 2)));
    else if (equals != std::string_view::npos && current == lower(section) &&
             lower(trim(text.substr(0, equals))) == lower(name))
      return std::string(trim(text.substr(equals + 1)));
  }
  return "";
}

}  // namespace base::reading
