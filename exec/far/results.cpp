#include "exec/far/results.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "exec/glob.h"
#include "exec/hash_files.h"

namespace exec {
namespace {

namespace fs = std::filesystem;

int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

bool is_wanted(const Spec& spec, const std::string& name) {
  return spec.outputs.empty() ||
         std::ranges::any_of(spec.outputs, [&](const std::string& glob) { return matches(glob, name); });
}

class Search {
 public:
  Search(const std::string& files, const Spec& spec, const Manifest& before, const Snapshot& snapshot)
      : spec_(spec), snapshot_(snapshot), start_(spec.folder.empty() ? "" : spec.folder + "/"), files_(files) {
    for (const Entry& entry : before) before_[entry.path] = &entry;
  }

  base::Result<Results> run() {
    const fs::path root = files_ + "/" + spec_.folder;
    std::error_code error;
    auto walk = fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied, error);
    for (const auto end = fs::recursive_directory_iterator(); walk != end; walk.increment(error)) {
      const std::string name = walk->path().lexically_relative(root);
      struct stat status {};
      if (lstat(walk->path().c_str(), &status) == 0 && is_wanted(spec_, name)) TRY(look(walk->path(), name, status));
    }
    add_folders();
    return std::move(found_);
  }

 private:
  base::Status look(const std::string& path, const std::string& name, const struct stat& status) {
    auto earlier = before_.find(start_ + name);
    const Entry* sent = earlier == before_.end() ? nullptr : earlier->second;
    if (S_ISLNK(status.st_mode)) return link(path, name, sent);
    if (S_ISDIR(status.st_mode)) {
      if (!sent && spec_.outputs.empty()) folders_.push_back({name, Entry::Kind::folder, 0755, 0, {}, {}});
      return base::Done{};
    }
    if (!S_ISREG(status.st_mode)) return leave(name, "it is no file, folder or link");
    auto looked = snapshot_.find(start_ + name);
    const Look now{status.st_ino, static_cast<uint64_t>(status.st_size), nanoseconds(status.st_ctim),
                   nanoseconds(status.st_mtim)};
    if (sent && looked != snapshot_.end() && looked->second == now) return base::Done{};
    auto pieces = hash_file(path, now.size);
    if (!pieces) return leave(name, pieces.error());
    const uint32_t mode = (status.st_mode & 0777) | 0600;
    if (sent && sent->size == now.size && sent->pieces == pieces.value()) return base::Done{};
    found_.manifest.push_back({name, Entry::Kind::file, mode, now.size, {}, std::move(pieces.value())});
    return base::Done{};
  }

  base::Status link(const std::string& path, const std::string& name, const Entry* sent) {
    std::error_code error;
    const std::string target = fs::read_symlink(path, error);
    if (sent && sent->kind == Entry::Kind::link && sent->target == target) return base::Done{};
    if (!leads_inside(name, target)) return leave(name, "it is a link that leads outside, to " + target);
    found_.manifest.push_back({name, Entry::Kind::link, 0777, 0, target, {}});
    return base::Done{};
  }

  base::Status leave(const std::string& name, const std::string& why) {
    found_.left.push_back(name + ": " + why);
    return base::Done{};
  }

  // Those without anything in them; the others come with their files.
  void add_folders() {
    std::set<std::string> names;  // a folder's content comes right behind its name and a slash
    for (const auto* entries : {&found_.manifest, &folders_})
      for (const Entry& entry : *entries) names.insert(entry.path);
    for (Entry& folder : folders_) {
      auto content = names.lower_bound(folder.path + "/");
      if (content == names.end() || !content->starts_with(folder.path + "/"))
        found_.manifest.push_back(std::move(folder));
    }
  }

  const Spec& spec_;
  const Snapshot& snapshot_;
  const std::string start_, files_;
  std::map<std::string, const Entry*> before_;
  std::vector<Entry> folders_;
  Results found_;
};

}  // namespace

Snapshot look_at(const std::string& folder) {
  Snapshot snapshot;
  std::error_code error;
  for (const auto& each : fs::recursive_directory_iterator(folder, error)) {
    struct stat status {};
    if (lstat(each.path().c_str(), &status) == 0 && S_ISREG(status.st_mode))
      snapshot[each.path().lexically_relative(folder)] = {status.st_ino, static_cast<uint64_t>(status.st_size),
                                                          nanoseconds(status.st_ctim), nanoseconds(status.st_mtim)};
  }
  return snapshot;
}

base::Result<Results> find_results(const std::string& files, const Spec& spec, const Manifest& before,
                                   const Snapshot& snapshot) {
  return Search(files, spec, before, snapshot).run();
}

}  // namespace exec
