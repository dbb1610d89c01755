// Gathers the files of a bundle. All keep their places relative to each other: the bundle's root stands for the deepest
// folder that holds them all and the working folder.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/near/ignore.h"
#include "exec/near/plan.h"

namespace exec {

class Collector {
 public:
  explicit Collector(Cargo& cargo) : cargo_(cargo) {}

  // A file, or a folder with all that is in it. A link travels as what it leads to, unless that travels, too.
  base::Status add(const std::string& path);
  // What .gitignore files name stays here, and .git itself.
  base::Status add_folder_without_ignored(const std::string& path);
  // After all are added: names and sizes into the cargo. The hashes come later.
  base::Status finish();
  // In the bundle, of something here; empty: the root itself.
  std::string name_of(const std::string& path) const;
  bool has(const std::string& path) const;

 private:
  base::Status walk(const std::string& path, Ignore* ignore, const std::string& relative);
  base::Status put(const std::string& path);
  base::Result<Entry> describe(const std::string& path) const;

  Cargo& cargo_;
  std::map<std::string, bool> paths_;  // absolute, normal; true: a folder without anything
  std::string root_;
};

}  // namespace exec
