// Files below the root of a place.
#include "base/reading/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "base/fd.h"
#include "base/reading/text.h"

namespace base::reading {

namespace {

constexpr int most_links = 40;  // as Linux (path_resolution(7))
constexpr size_t most_names = 65536;

std::string join_root(const std::string& root, std::string_view path) {
  std::string joined = root == "/" ? "" : root;
  if (!path.starts_with('/')) joined += '/';
  return joined += path;
}

std::string link_of(const std::string& real) {
  std::array<char, PATH_MAX> target;
  ssize_t size = readlink(real.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<size_t>(size)) : "";
}

// Walks the parts of a path inside a root as chroot would. Empty: a loop.
std::string resolve(const std::string& root, std::string_view path, bool follow_last) {
  std::vector<std::string> left = split(path, '/');
  std::reverse(left.begin(), left.end());
  std::vector<std::string> walked;
  int links = 0;
  while (!left.empty()) {
    std::string part = std::move(left.back());
    left.pop_back();
    if (part == ".") continue;
    if (part == "..") {
      if (!walked.empty()) walked.pop_back();
      continue;
    }
    walked.push_back(part);
    if (left.empty() && !follow_last) break;
    std::string target = link_of(join_root(root, "/" + join(walked, "/")));
    if (target.empty()) continue;
    if (++links > most_links) return "";
    walked.pop_back();
    if (target.starts_with('/')) walked.clear();
    std::vector<std::string> inserted = split(target, '/');
    left.insert(left.end(), inserted.rbegin(), inserted.rend());
  }
  return "/" + join(walked, "/");
}

Reading failed(int error) {
  Reading reading;
  // The kernel's files answer EINVAL where what they tell of is not there (no security module:
  // /proc/self/attr/current).
  bool absent = error == ENOENT || error == ENOTDIR || error == EINVAL;
  reading.state = absent ? State::absent : State::unreadable;
  if (!absent) reading.why = error_sentence(error);
  return reading;
}

// Opens a plain file; never waits for a pipe's other end.
base::Fd open_plain(const Place& place, std::string_view path, Reading& reading) {
  std::string real = below(place, path);
  base::Fd file(real.empty() ? -1 : open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) {
    reading = failed(real.empty() ? ELOOP : errno);
    return file;
  }
  struct stat status = {};
  bool plain = fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
  reading.state = plain ? State::there : State::unreadable;
  if (!plain) {
    reading.why = "it is no plain file";
    file.close();
  }
  return file;
}

void fill(const base::Fd& file, size_t limit, Reading& reading) {
  std::array<char, 65536> piece;
  while (reading.text.size() <= limit) {
    ssize_t size = ::read(file.get(), piece.data(), std::min(piece.size(), limit + 1 - reading.text.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) reading = failed(errno);
    if (size <= 0) break;
    reading.text.append(piece.data(), static_cast<size_t>(size));
  }
  reading.whole = reading.text.size() <= limit;
  reading.text.resize(std::min(reading.text.size(), limit));
}

}  // namespace

std::string below(const Place& place, std::string_view path) {
  if (place.real()) return std::string(path);
  std::string inside = resolve(place.root, path, true);
  if (inside.empty()) errno = ELOOP;
  return inside.empty() ? "" : join_root(place.root, inside);
}

Reading read(const Place& place, std::string_view path, size_t limit) {
  Reading reading;
  base::Fd file = open_plain(place, path, reading);
  if (file.valid()) fill(file, limit, reading);
  return reading;
}

Reading read_end(const Place& place, std::string_view path, size_t limit) {
  Reading reading;
  base::Fd file = open_plain(place, path, reading);
  if (!file.valid()) return reading;
  off_t size = lseek(file.get(), 0, SEEK_END);
  off_t start = std::max<off_t>(0, size - static_cast<off_t>(limit));
  lseek(file.get(), start, SEEK_SET);
  fill(file, limit, reading);
  reading.whole = start == 0;
  return reading;
}

std::string word(const Place& place, std::string_view path) {
  Reading reading = read(place, path, 4096);
  while (reading.text.ends_with('\0')) reading.text.pop_back();
  return reading.state == State::there && is_text(reading.text) ? std::string(trim(reading.text)) : "";
}

Listing list(const Place& place, std::string_view directory) {
  Listing listing;
  std::string real = below(place, directory);
  std::unique_ptr<DIR, int (*)(DIR*)> open_directory(real.empty() ? nullptr : opendir(real.c_str()), closedir);
  if (!open_directory) {
    Reading reading = failed(real.empty() ? ELOOP : errno);
    listing.state = reading.state;
    listing.why = reading.why;
    return listing;
  }
  listing.state = State::there;
  while (const dirent* entry = readdir(open_directory.get())) {
    std::string_view name = entry->d_name;
    if (name != "." && name != ".." && listing.names.size() < most_names) listing.names.emplace_back(name);
  }
  std::sort(listing.names.begin(), listing.names.end());
  return listing;
}

bool is_there(const Place& place, std::string_view path) {
  std::string real = below(place, path);
  return !real.empty() && access(real.c_str(), F_OK) == 0;
}

bool is_directory(const Place& place, std::string_view path) {
  std::string real = below(place, path);
  struct stat status = {};
  return !real.empty() && stat(real.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string link_target(const Place& place, std::string_view path) {
  return link_of(join_root(place.root, resolve(place.root, path, false)));
}

std::string canonical(const Place& place, std::string_view path, bool whole) {
  std::string inside = resolve(place.root, path, whole);
  return inside.empty() ? std::string(path) : inside;
}

std::string in_true_folder(const Place& place, const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return path;
  return canonical(place, path.substr(0, slash), true) + path.substr(slash);
}

Found find(const Place& place, std::string_view pattern, size_t most) {
  Found found;
  std::vector<std::string> paths = {""};
  for (const std::string& part : split(pattern, '/')) {
    std::vector<std::string> next;
    if (part.find('*') == std::string::npos) {
      for (const std::string& path : paths) next.push_back(path + "/" + part);
      paths = std::move(next);
      continue;
    }
    for (const std::string& path : paths) {
      Listing listing = list(place, path.empty() ? "/" : path);
      if (listing.state == State::unreadable) found.unreadable.push_back({State::unreadable, path, listing.why, true});
      for (const std::string& name : listing.names)
        if (next.size() < most && fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0)
          next.push_back(path + "/" + name);
    }
    paths = std::move(next);
  }
  for (std::string& path : paths) {
    std::string real = join_root(place.root, resolve(place.root, path, false));
    struct stat status = {};
    int error = lstat(real.c_str(), &status) == 0 ? 0 : errno;
    if (error == 0) found.paths.push_back(std::move(path));
    if (error == EACCES) found.unreadable.push_back({State::unreadable, path, error_sentence(error), true});
  }
  return found;
}

Mapped::Mapped(const Place& place, std::string_view path) {
  base::Fd file = open_plain(place, path, reading_);
  off_t size = file.valid() ? lseek(file.get(), 0, SEEK_END) : 0;
  if (size <= 0) return;
  void* address = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    reading_.state = State::unreadable;
    reading_.why = error_sentence(errno);
    return;
  }
  address_ = address;
  size_ = static_cast<size_t>(size);
}

Mapped::~Mapped() {
  if (address_) munmap(address_, size_);
}

std::string error_sentence(int error) { return lower(std::strerror(error)); }

std::string error_name(int error) {
  const char* name = strerrorname_np(error);
  return name ? name : "errno " + std::to_string(error);
}

}  // namespace base::reading
