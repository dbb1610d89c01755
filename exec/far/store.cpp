#include "exec/far/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/fd.h"
#include "exec/files.h"
#include "exec/manifest.h"

namespace exec {
namespace {

namespace fs = std::filesystem;
constexpr int left_behind_seconds = 3600;

// What makes something at `path`, and first the folder that it is in.
template <class Make>
bool make_in_folder(const std::string& path, const Make& make) {
  if (make() || errno == EEXIST) return true;
  if (errno != ENOENT) return false;
  mkdir(path.substr(0, path.rfind('/')).c_str(), 0700);
  return make() || errno == EEXIST;
}

// What nobody else has a name for is ours to mark; the times of a job's files are its program's.
void count_as_used(int file) {
  struct stat status {};
  if (fstat(file, &status) == 0 && status.st_nlink == 1) futimens(file, nullptr);
}

Store::Found read_from(const std::string& path, uint64_t offset, const Hash& hash, std::span<std::byte> to) {
  // A program must neither see that its file is read (O_NOATIME) nor keep us waiting by a lease on it (O_NONBLOCK,
  // fcntl(2), "Leases").
  base::Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOATIME | O_NONBLOCK));
  if (!file.valid()) return errno == ENOENT ? Store::Found::no : Store::Found::changed;
  if (!read_at(file.get(), to, offset, path) || hash_of(to) != hash) return Store::Found::changed;
  count_as_used(file.get());
  return Store::Found::yes;
}

}  // namespace

std::string Store::path(const Hash& hash) const {
  const std::string name = hex(hash);
  return folder_ + "/" + name.substr(0, 2) + "/" + name;
}

Store::Found Store::read(const Hash& hash, std::span<std::byte> to) const {
  const std::string alone = path(hash);
  const Found found = read_from(alone, 0, hash, to);
  if (found == Found::yes) return found;
  if (found == Found::changed) unlink(alone.c_str());
  auto place = places_.find(hash);
  if (place == places_.end()) return found;
  const Found inside = read_from(place->second.file, place->second.offset, hash, to);
  return inside == Found::no ? found : inside;
}

bool Store::share(const Hash& hash, const Part& part) const {
  if (part.file_size > piece_size) return shared_.add(part.name, part.file, part.file_size, part.offset, hash);
  const std::string at = path(hash);
  return make_in_folder(at, [&] { return link(part.file.c_str(), at.c_str()) == 0; });
}

base::Status Store::add(const Hash& hash, std::span<const std::byte> bytes) const {
  const std::string at = path(hash), made = at + "." + std::to_string(getpid());
  base::Fd file;
  make_in_folder(made, [&] {
    file = base::Fd(open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    return file.valid();
  });
  if (!file.valid()) return cannot_write(made, errno);
  base::Status written = write_at(file.get(), bytes, 0, made);
  if (written && rename(made.c_str(), at.c_str()) == 0) return base::Done{};
  unlink(made.c_str());
  return written ? cannot_write(at, errno) : base::Error{written.error()};
}

namespace {

// A file that the store has: a piece alone, or many.
struct Kept {
  fs::path path;
  struct stat status;

  std::string list() const { return path.string() + list_extension; }
  // Something in use is not old, and no clock that a program has set ahead keeps anything for ever.
  int64_t used(int64_t now) const { return status.st_nlink > 1 ? now : std::min<int64_t>(status.st_mtim.tv_sec, now); }
  uint64_t bytes() const { return static_cast<uint64_t>(status.st_blocks) * 512; }
  bool is_shared() const { return path.parent_path().filename() == "files"; }
  bool has_grown() const {
    const auto size = static_cast<uint64_t>(status.st_size);
    return is_shared() ? SharedFiles::has_grown(path.filename(), size) : size > piece_size;
  }
  // What a transfer that broke left behind: half of a piece, a list or a file without the other.
  bool is_half(int64_t now) const {
    if (now - status.st_ctim.tv_sec < left_behind_seconds) return false;
    if (path.extension() == list_extension) return !fs::exists(fs::path(path).replace_extension());
    return is_shared() ? !fs::exists(list()) : path.has_extension();
  }
};

std::vector<Kept> look_into(const std::string& folder) {
  std::vector<Kept> all;
  std::error_code error;
  for (const auto& each : fs::recursive_directory_iterator(folder, error)) {
    Kept kept{each.path(), {}};
    if (lstat(kept.path.c_str(), &kept.status) == 0 && S_ISREG(kept.status.st_mode)) all.push_back(std::move(kept));
  }
  return all;
}

}  // namespace

void Store::clean(uint64_t most) const {
  const int64_t now = std::time(nullptr);
  std::vector<Kept> all = look_into(folder_);
  std::ranges::sort(all, {}, [&](const Kept& kept) { return kept.used(now); });
  uint64_t sum = 0;
  for (const Kept& kept : all) sum += kept.bytes();
  for (const Kept& kept : all) {
    const bool is_list = kept.path.extension() == list_extension;  // which goes with its file
    if (!kept.is_half(now) && (is_list || (sum <= most && !kept.has_grown()))) continue;
    if (unlink(kept.path.c_str()) == 0) sum -= kept.bytes();
    if (kept.is_shared() && !is_list) unlink(kept.list().c_str());
  }
}

}  // namespace exec
