#include "exec/near/collect.h"
#include "exec/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace exec {
namespace {

namespace fs = std::filesystem;

// Absolute, without "." and "..", links as they are.
std::string normal(const std::string& path) {
  std::string text = fs::absolute(path).lexically_normal();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

// The rules of the folders above, up to the repository's own, hold here, too.
void add_rules_above(const fs::path& folder, Ignore& ignore) {
  if (fs::exists(folder / ".git")) return;
  std::vector<fs::path> above;
  for (fs::path each = folder; each.has_relative_path() && !fs::exists(each / ".git"); each = each.parent_path())
    above.push_back(each.parent_path());
  if (above.empty() || !fs::exists(above.back() / ".git")) return;
  for (auto each = above.rbegin(); each != above.rend(); ++each) ignore.add("", content_of(*each / ".gitignore"));
}

std::string deepest_common(const fs::path& a, const fs::path& b) {
  fs::path common;
  for (auto left = a.begin(), right = b.begin(); left != a.end() && right != b.end() && *left == *right;
       ++left, ++right)
    common /= *left;
  return common;
}

}  // namespace

base::Status Collector::add(const std::string& path) { return walk(normal(path), nullptr, ""); }

base::Status Collector::add_folder_without_ignored(const std::string& path) {
  Ignore ignore;
  add_rules_above(normal(path), ignore);
  return walk(normal(path), &ignore, "");
}

base::Status Collector::walk(const std::string& path, Ignore* ignore, const std::string& relative) {
  struct stat status {};
  if (stat(path.c_str(), &status) < 0) {
    struct stat link {};
    if (lstat(path.c_str(), &link) == 0 && ignore) return base::Done{};  // a link that leads nowhere is not missed
    return base::Error{path + ": " + std::strerror(errno)};
  }
  if (!S_ISDIR(status.st_mode)) return put(path);
  if (lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode) && !relative.empty()) return put(path);
  if (ignore) ignore->add(relative, content_of(path + "/.gitignore"));
  std::error_code error;
  bool any = false;
  for (const auto& each : fs::directory_iterator(path, error)) {
    const std::string name = each.path().filename(), below = relative.empty() ? name : relative + "/" + name;
    if (ignore && (name == ".git" || ignore->ignores(below, each.is_directory() && !each.is_symlink()))) continue;
    any = true;
    TRY(walk(path + "/" + name, ignore, below));
  }
  if (error) return base::Error{path + ": " + error.message()};
  if (!any) paths_[path] = true;
  return base::Done{};
}

base::Status Collector::put(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
    return base::Error{path + " is neither a file nor a folder"};
  if (access(path.c_str(), R_OK) < 0) return base::Error{path + " cannot be read: " + std::strerror(errno)};
  paths_[path] = false;
  return base::Done{};
}

base::Status Collector::finish() {
  root_ = normal(".");
  for (const auto& [path, empty] : paths_) root_ = deepest_common(root_, fs::path(path).parent_path());
  for (const auto& [path, empty] : paths_) {
    Entry entry = empty ? Entry{"", Entry::Kind::folder, 0755, 0, {}, {}} : TRY(describe(path));
    entry.path = "files/" + name_of(path);
    if (entry.path != "files/") cargo_.add(std::move(entry), path);
  }
  return base::Done{};
}

base::Result<Entry> Collector::describe(const std::string& path) const {
  struct stat status {};
  std::error_code error;
  if (lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
    const fs::path target = fs::read_symlink(path, error);
    const std::string leads = normal(fs::path(path).parent_path() / target);
    if (target.is_relative() && has(leads)) return Entry{"", Entry::Kind::link, 0777, 0, target, {}};
  }
  if (stat(path.c_str(), &status) < 0) return base::Error{path + ": " + std::strerror(errno)};
  if (S_ISDIR(status.st_mode))
    return base::Error{path + " is a link to a folder that does not travel; name that folder with --in"};
  return Entry{"", Entry::Kind::file, status.st_mode & 0777, static_cast<uint64_t>(status.st_size), {}, {}};
}

std::string Collector::name_of(const std::string& path) const {
  const std::string whole = normal(path);
  if (whole == root_) return "";
  return whole.substr(root_ == "/" ? 1 : root_.size() + 1);
}

bool Collector::has(const std::string& path) const {
  const std::string whole = normal(path);
  auto found = paths_.lower_bound(whole);
  return found != paths_.end() && (found->first == whole || found->first.starts_with(whole + "/"));
}

}  // namespace exec
