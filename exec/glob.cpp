#include "exec/glob.h"

#include <fnmatch.h>

#include <string>
#include <vector>

namespace exec {
namespace {

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find('/', begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

// Row by row over the pattern's parts, so that many ** cost no more than their number times the path's parts.
bool matches(std::string_view pattern, std::string_view path) {
  const std::vector<std::string> wanted = parts_of(pattern), given = parts_of(path);
  std::vector<bool> reached(given.size() + 1);  // [i]: the pattern so far matches the first i parts
  reached[0] = true;
  for (const std::string& part : wanted) {
    std::vector<bool> next(given.size() + 1);
    for (size_t i = 0; i <= given.size(); ++i) {
      if (part == "**")
        next[i] = reached[i] || (i && next[i - 1]);
      else if (i && reached[i - 1])
        next[i] = fnmatch(part.c_str(), given[i - 1].c_str(), 0) == 0;
    }
    reached = std::move(next);
  }
  return reached.back();
}

}  // namespace exec
