#include "exec/far/shared_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/fd.h"
#include "exec/files.h"

namespace exec {
namespace {

struct Line {
  uint64_t offset;
  Hash hash;
};

// The name tells how large the file was.
std::string name_with_size(const std::string& name, uint64_t size) { return std::to_string(size) + "-" + name; }

}  // namespace

std::map<Hash, SharedFiles::Place> SharedFiles::places() const {
  std::map<Hash, Place> places;
  std::error_code error;
  for (const auto& each : std::filesystem::directory_iterator(folder_, error)) {
    if (each.path().extension() != list_extension) continue;
    const std::string list = content_of(each.path()), file = std::filesystem::path(each.path()).replace_extension();
    Line line{};
    for (size_t at = 0; at + sizeof line <= list.size(); at += sizeof line) {
      std::memcpy(&line, list.data() + at, sizeof line);
      places[line.hash] = {file, line.offset};
    }
  }
  return places;
}

bool SharedFiles::add(const std::string& name, const std::string& file, uint64_t size, uint64_t offset,
                      const Hash& hash) const {
  const std::string here = folder_ + "/" + name_with_size(name, size);
  if (mkdir(folder_.c_str(), 0700) < 0 && errno != EEXIST) return false;
  if (link(file.c_str(), here.c_str()) < 0 && errno != EEXIST) return false;
  base::Fd list(open((here + list_extension).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const Line line{offset, hash};
  return write(list.get(), &line, sizeof line) == sizeof line;
}

bool SharedFiles::has_grown(const std::string& name, uint64_t size) {
  uint64_t then = 0;
  std::from_chars(name.data(), name.data() + name.size(), then);
  return size > then;
}

}  // namespace exec
