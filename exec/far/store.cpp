#include "exec/far/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/fd.h"
#include "exec/files.h"

namespace exec {
namespace {

namespace fs = std::filesystem;
constexpr int left_behind_seconds = 3600;

}  // namespace

std::string Store::path(const Hash& hash) const {
  const std::string name = hex(hash);
  return folder_ + "/" + name.substr(0, 2) + "/" + name;
}

bool Store::has(const Hash& hash, uint64_t size) const {
  const std::string at = path(hash);
  struct stat status {};
  if (stat(at.c_str(), &status) != 0 || static_cast<uint64_t>(status.st_size) != size) return false;
  return utimensat(AT_FDCWD, at.c_str(), nullptr, 0) == 0;
}

base::Status Store::add(const Hash& hash, std::span<const std::byte> bytes) const {
  const std::string at = path(hash), made = at + "." + std::to_string(getpid());
  base::Fd file(open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid() && errno == ENOENT) {
    mkdir(at.substr(0, at.rfind('/')).c_str(), 0700);
    file = base::Fd(open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  }
  if (!file.valid()) return cannot_write(made, errno);
  base::Status written = write_at(file.get(), bytes, 0, made);
  if (written && rename(made.c_str(), at.c_str()) == 0) return base::Done{};
  unlink(made.c_str());
  return written ? cannot_write(at, errno) : base::Error{written.error()};
}

void Store::clean(uint64_t most) const {
  struct Kept {
    fs::path path;
    fs::file_time_type used;
    uint64_t size;
  };
  std::vector<Kept> all;
  uint64_t sum = 0;
  std::error_code error;
  for (const auto& each : fs::recursive_directory_iterator(folder_, error)) {
    if (!each.is_regular_file(error)) continue;
    Kept kept{each.path(), each.last_write_time(error), each.file_size(error)};
    const auto age = fs::file_time_type::clock::now() - kept.used;
    if (kept.path.has_extension() && age > std::chrono::seconds(left_behind_seconds)) {
      fs::remove(kept.path, error);
      continue;
    }
    sum += kept.size;
    all.push_back(std::move(kept));
  }
  std::ranges::sort(all, {}, &Kept::used);
  for (auto old = all.begin(); old != all.end() && sum > most; ++old)
    if (fs::remove(old->path, error)) sum -= old->size;
}

}  // namespace exec
