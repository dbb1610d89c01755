// Text of unknown origin: whether it is text, Windows' UTF-16, lines and words.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace base::reading {

// UTF-8 without NUL characters.
bool is_text(std::string_view bytes);
// What a Windows program printed: UTF-16 (with a byte order mark, or with NULs where it would have them) becomes UTF-8,
// line ends become '\n'. Bytes that are no text become question marks.
std::string from_windows(std::string_view bytes);
// Bytes that are no text become question marks.
std::string as_text(std::string_view bytes);

std::string_view trim(std::string_view text);
std::vector<std::string> split(std::string_view text, char separator);  // empty parts are left out
std::vector<std::string> lines(std::string_view text);                  // without their ends; empty ones are kept
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string lower(std::string_view text);
bool contains(std::string_view text, std::string_view part);

// The value of `name` in `section` of an INI file, in Windows' manner: letter case and spaces do not count.
std::string ini_value(std::string_view file, std::string_view section, std::string_view name);

}  // namespace base::reading
