#include "exec/near/ignore.h"

#include "exec/glob.h"

namespace exec {
namespace {

// Spaces at the end do not count, unless a backslash stands before them.
std::string_view trimmed(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ') && !(line.size() > 1 && line[line.size() - 2] == '\\')) line.remove_suffix(1);
  return line;
}

}  // namespace

void Ignore::add(const std::string& folder, std::string_view text) {
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = trimmed(text.substr(begin, end - begin));
    begin = end + 1;
    if (line.empty() || line.front() == '#') continue;
    Rule rule{folder, {}};
    rule.keeps = line.front() == '!';
    if (rule.keeps) line.remove_prefix(1);
    rule.folders_only = line.ends_with('/');
    if (rule.folders_only) line.remove_suffix(1);
    if (line.empty()) continue;
    // A slash at the beginning or in the middle ties the rule to its folder; others match at any depth.
    bool tied = line.find('/') != line.npos;
    if (line.front() == '/') line.remove_prefix(1);
    rule.pattern = (tied ? "" : "**/") + std::string(line);
    if (rule.pattern.ends_with("/**")) rule.pattern += "/*";  // everything inside, not the folder itself
    rules_.push_back(std::move(rule));
  }
}

bool Ignore::ignores(const std::string& path, bool is_folder) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->folders_only && !is_folder) continue;
    const std::string start = rule->folder.empty() ? "" : rule->folder + "/";
    if (path.starts_with(start) && matches(rule->pattern, std::string_view(path).substr(start.size())))
      return !rule->keeps;
  }
  return false;
}

}  // namespace exec
