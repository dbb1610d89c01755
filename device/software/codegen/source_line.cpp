#include "device/software/codegen/source_line.h"

#include <cstdlib>

namespace software {
namespace {

size_t end_of_line(std::string_view text, uint32_t line) {
  size_t at = 0;
  for (uint32_t i = 1; at != std::string_view::npos; ++i) {
    size_t end = text.find('\n', at);
    if (i == line) return end == std::string_view::npos ? text.size() : end;
    at = end == std::string_view::npos ? end : end + 1;
  }
  return text.size();
}

// The number at the beginning, which is taken away.
unsigned long number(std::string& rest) {
  char* end = nullptr;
  unsigned long value = std::strtoul(rest.c_str(), &end, 10);
  rest.erase(0, static_cast<size_t>(end - rest.c_str()));
  return value;
}

std::string file_named(std::string_view text, unsigned long wanted) {
  constexpr std::string_view directive = ".file";
  for (size_t at = text.find(directive); at != std::string_view::npos; at = text.find(directive, at + 1)) {
    std::string rest(text.substr(at + directive.size(), text.find('\n', at) - at - directive.size()));
    if (number(rest) != wanted) continue;
    size_t first = rest.find('"'), last = rest.find('"', first + 1);
    if (first == std::string::npos || last == std::string::npos) continue;
    return rest.substr(first + 1, last - first - 1);
  }
  return {};
}

}  // namespace

std::string source_line(std::string_view text, uint32_t line) {
  size_t end = end_of_line(text, line), at = text.rfind(".loc", end), body = text.rfind("\n{", end);
  if (at == std::string_view::npos || (body != std::string_view::npos && at < body)) return {};
  std::string rest(text.substr(at + 4, text.find('\n', at) - at - 4));
  unsigned long file = number(rest), number_in_file = number(rest);
  std::string name = file_named(text, file);
  return name.empty() ? "" : name + ":" + std::to_string(number_in_file);
}

std::string line_name(std::span<const std::string> texts, uint32_t text, uint32_t line) {
  std::string number = std::to_string(line);
  std::string source = text < texts.size() ? source_line(texts[text], line) : "";
  return source.empty() ? number : number + " (" + source + ")";
}

}  // namespace software
