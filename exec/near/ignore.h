// .gitignore files: what --cwd leaves behind (gitignore(5)).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace exec {

class Ignore {
 public:
  // Rules of one file, which hold below `folder` (relative to where the walk began; empty: there). Later ones win.
  void add(const std::string& folder, std::string_view text);
  // `path` is relative like `folder`. What lies below an ignored folder is not asked about.
  bool ignores(const std::string& path, bool is_folder) const;

 private:
  struct Rule {
    std::string folder, pattern;
    bool keeps = false;         // it began with "!"
    bool folders_only = false;  // it ended with "/"
  };
  std::vector<Rule> rules_;
};

}  // namespace exec
