// UTF-8 to UTF-16 and back, and line ends as Windows has them. What is no text becomes U+FFFD.
#pragma once
#include <string>
#include <string_view>

namespace desktop {

std::u16string to_utf16(std::string_view utf8);
std::string to_utf8(std::u16string_view utf16);
std::string with_line_feeds(std::string_view text);        // CR LF -> LF
std::string with_carriage_returns(std::string_view text);  // LF -> CR LF

}  // namespace desktop
