#include "exec/far/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "exec/files.h"

namespace exec {

std::vector<uint32_t> Bundle::lacking() {
  std::vector<uint32_t> numbers;
  waits_.assign(places_.size(), false);
  for (size_t i = 0; i < places_.size(); ++i) {
    auto known = coming_.find(*places_[i].hash);
    if (known == coming_.end()) {
      if (store_.has(*places_[i].hash, places_[i].size)) continue;
      known = coming_.emplace(*places_[i].hash, std::vector<size_t>{}).first;
      numbers.push_back(static_cast<uint32_t>(i));
    }
    waits_[i] = true;
    known->second.push_back(i);
  }
  return numbers;
}

base::Status Bundle::make() {
  for (const Entry& entry : manifest_) {
    const std::filesystem::path path = folder_ + "/" + entry.path;
    std::error_code error;
    std::filesystem::create_directories(entry.kind == Entry::Kind::folder ? path : path.parent_path(), error);
    if (error) return cannot_write(path, error.value());
    if (entry.kind != Entry::Kind::file) continue;
    base::Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.valid() || ftruncate(file.get(), static_cast<off_t>(entry.size)) < 0) return cannot_write(path, errno);
  }
  Bytes piece;
  for (size_t i = 0; i < places_.size(); ++i) {
    if (waits_[i]) continue;
    piece.resize(places_[i].size);
    TRY(read_part(store_.path(*places_[i].hash), 0, piece));
    TRY(write(places_[i], piece));
  }
  return base::Done{};
}

base::Status Bundle::take(const PiecePlace& place, std::span<const std::byte> bytes) {
  TRY(store_.add(*place.hash, bytes));
  for (size_t i : coming_[*place.hash]) TRY(write(places_[i], bytes));
  return base::Done{};
}

base::Status Bundle::write(const PiecePlace& place, std::span<const std::byte> bytes) {
  const std::string path = folder_ + "/" + manifest_[place.entry].path;
  if (open_entry_ != place.entry) open_ = base::Fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  open_entry_ = place.entry;
  if (!open_.valid()) return cannot_write(path, errno);
  return write_at(open_.get(), bytes, place.offset, path);
}

base::Status Bundle::finish() {
  open_.close();
  open_entry_ = SIZE_MAX;
  for (const Entry& entry : manifest_) {
    const std::string path = folder_ + "/" + entry.path;
    bool good = true;
    if (entry.kind == Entry::Kind::link) good = symlink(entry.target.c_str(), path.c_str()) == 0;
    if (entry.kind == Entry::Kind::file) good = chmod(path.c_str(), entry.mode | 0600) == 0;
    if (!good) return cannot_write(path, errno);
  }
  return base::Done{};
}

}  // namespace exec
