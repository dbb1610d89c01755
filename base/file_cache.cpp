#include "base/file_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/fd.h"
#include "base/log.h"

namespace base {
namespace {

constexpr uint64_t default_size = uint64_t{1} << 30;
constexpr char magic[8] = {'o', 'u', 't', 'b', 'f', 'i', 'l', '1'};
constexpr time_t abandoned_after = 3600;  // seconds: whoever wrote a temporary file that old is gone
constexpr std::string_view temporary = ".new.";

struct Head {
  char magic[8];
  uint64_t size;  // of the content that follows
  FileCache::Digest digest;
};

bool is_ours(const struct stat& status) {
  return status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

// The folder, if it can be trusted; made on the way when `make` is set.
base::Fd open_folder(const std::string& path, bool make) {
  std::error_code error;
  if (make && !std::filesystem::exists(path, error)) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    mkdir(path.c_str(), 0700);
  }
  base::Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status;
  if (folder.get() < 0 || fstat(folder.get(), &status) != 0 || !is_ours(status)) return {};
  return folder;
}

bool read_exactly(int file, void* to, size_t size) {
  for (auto* at = static_cast<char*>(to); size;) {
    ssize_t got = ::read(file, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool write_exactly(int file, const void* from, size_t size) {
  for (auto* at = static_cast<const char*>(from); size;) {
    ssize_t put = ::write(file, at, size);
    if (put <= 0) return false;
    at += put;
    size -= static_cast<size_t>(put);
  }
  return true;
}

struct Kept {
  std::string name;
  uint64_t size;
  timespec used;
};

bool older(const Kept& a, const Kept& b) {
  return a.used.tv_sec != b.used.tv_sec ? a.used.tv_sec < b.used.tv_sec : a.used.tv_nsec < b.used.tv_nsec;
}

// What is in the folder; temporary files that nobody finishes go.
std::vector<Kept> list(int folder) {
  std::vector<Kept> all;
  int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = again < 0 ? nullptr : fdopendir(again);
  if (!entries) return all;
  while (const dirent* entry = readdir(entries)) {
    struct stat status;
    if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) continue;
    if (!std::string_view(entry->d_name).starts_with(temporary))
      all.push_back({entry->d_name, static_cast<uint64_t>(status.st_size), status.st_mtim});
    else if (status.st_mtim.tv_sec < std::time(nullptr) - abandoned_after)
      unlinkat(folder, entry->d_name, 0);
  }
  closedir(entries);
  return all;
}

// A program with more rights than its user's trusts no setting.
std::string setting(const char* name) {
  const char* value = secure_getenv(name);
  return value ? value : "";
}

}  // namespace

std::string FileCache::users_folder(const std::string& name) {
  std::string chosen = setting("OUTBOARD_CACHE");
  if (chosen == "off") return {};
  if (!chosen.empty()) return name == "kernels" ? chosen : chosen + "/" + name;
  // XDG Base Directory Specification: relative paths are invalid there.
  std::string base = setting("XDG_CACHE_HOME");
  if (!base.starts_with('/')) base = setting("HOME").starts_with('/') ? setting("HOME") + "/.cache" : "";
  return base.empty() ? "" : base + "/outboard/" + name;
}

uint64_t FileCache::users_size() {
  std::string chosen = setting("OUTBOARD_CACHE_SIZE");
  char* end = nullptr;
  uint64_t size = std::strtoull(chosen.c_str(), &end, 10);
  return chosen.empty() || *end ? default_size : size;
}

void FileCache::make_folder(const std::string& path) { open_folder(path, true); }

std::optional<std::string> FileCache::read(const std::string& key) {
  if (!on()) return std::nullopt;
  base::Fd folder = open_folder(folder_, false);
  if (folder.get() < 0) return std::nullopt;
  base::Fd file(openat(folder.get(), key.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (file.get() < 0 || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || !is_ours(status))
    return std::nullopt;
  Head head;
  std::string content;
  bool good = read_exactly(file.get(), &head, sizeof head) && !std::memcmp(head.magic, magic, sizeof magic) &&
              head.size == static_cast<uint64_t>(status.st_size) - sizeof head;
  if (good) {
    content.resize(head.size);
    good = read_exactly(file.get(), content.data(), head.size) && head.digest == digest_(key, content);
  }
  if (!good) {
    base::log(base::Level::info, "a file of the cache is damaged", {{"file", folder_ + "/" + key}});
    unlinkat(folder.get(), key.c_str(), 0);
    return std::nullopt;
  }
  futimens(file.get(), nullptr);  // used just now
  return content;
}

void FileCache::write(const std::string& key, std::string_view content) {
  uint64_t size = sizeof(Head) + content.size();
  if (!on() || size > most_bytes_) return;
  base::Fd folder = open_folder(folder_, true);
  if (folder.get() < 0) return;
  make_room(folder.get(), size);
  std::string name = std::string(temporary) + std::to_string(getpid()) + "." + std::to_string(++serial_) + "." + key;
  base::Fd file(openat(folder.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return;
  Head head{{}, content.size(), digest_(key, content)};
  std::memcpy(head.magic, magic, sizeof magic);
  bool written = write_exactly(file.get(), &head, sizeof head) &&
                 write_exactly(file.get(), content.data(), content.size()) &&
                 renameat(folder.get(), name.c_str(), folder.get(), key.c_str()) == 0;
  if (!written) unlinkat(folder.get(), name.c_str(), 0);
}

// Least recently used first, down to nine tenths, so that not every file costs a look at all others. What other
// processes write is seen at the next look.
void FileCache::make_room(int folder, uint64_t more) {
  std::lock_guard hold(lock_);
  bytes_ += more;
  if (counted_ && bytes_ <= most_bytes_) return;
  std::vector<Kept> all = list(folder);
  counted_ = true;
  bytes_ = more;
  for (const Kept& kept : all) bytes_ += kept.size;
  if (bytes_ <= most_bytes_) return;
  std::sort(all.begin(), all.end(), older);
  for (const Kept& kept : all) {
    if (bytes_ <= most_bytes_ / 10 * 9) break;
    if (unlinkat(folder, kept.name.c_str(), 0) == 0) bytes_ -= kept.size;
  }
}

}  // namespace base
