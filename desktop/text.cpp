#include "desktop/text.h"

#include <cstdint>

#include "base/utf8.h"

namespace desktop {
namespace {

constexpr char32_t replacement = 0xfffd;

// RFC 3629: shortest forms only, no surrogates. Takes at least one byte.
char32_t take(std::string_view& text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (length == 0 || length > text.size()) {
    text.remove_prefix(1);
    return replacement;
  }
  char32_t point = length == 1 ? first : first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if (next >> 6 != 2) {
      text.remove_prefix(1);
      return replacement;
    }
    point = point << 6 | (next & 63);
  }
  text.remove_prefix(length);
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < least[length] || point > 0x10ffff || surrogate ? replacement : point;
}

}  // namespace

std::u16string to_utf16(std::string_view utf8) {
  std::u16string text;
  while (!utf8.empty()) {
    const char32_t point = take(utf8);
    if (point < 0x10000) {
      text += static_cast<char16_t>(point);
    } else {
      text += static_cast<char16_t>(0xd800 + ((point - 0x10000) >> 10));
      text += static_cast<char16_t>(0xdc00 + ((point - 0x10000) & 0x3ff));
    }
  }
  return text;
}

std::string to_utf8(std::u16string_view utf16) {
  std::string text;
  for (size_t i = 0; i < utf16.size(); ++i) {
    const char16_t unit = utf16[i];
    if (unit < 0xd800 || unit > 0xdfff) {
      base::append_utf8(text, unit);
    } else if (unit < 0xdc00 && i + 1 < utf16.size() && utf16[i + 1] >= 0xdc00 && utf16[i + 1] <= 0xdfff) {
      base::append_utf8(text, 0x10000 + (static_cast<char32_t>(unit - 0xd800) << 10 | (utf16[i + 1] - 0xdc00)));
      ++i;
    } else {
      base::append_utf8(text, replacement);
    }
  }
  return text;
}

std::string with_line_feeds(std::string_view text) {
  std::string made;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') made += text[i];
  return made;
}

std::string with_carriage_returns(std::string_view text) {
  std::string made;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) made += '\r';
    made += text[i];
  }
  return made;
}

}  // namespace desktop
