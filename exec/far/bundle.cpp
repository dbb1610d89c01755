#include "exec/far/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/fd.h"
#include "exec/files.h"
#include "exec/parallel.h"

namespace exec {
namespace {

constexpr uint64_t largest_shared = uint64_t{8} << 30;  // what is larger would push everything else out of the store

}  // namespace

base::Status Bundle::make() {
  TRY(make_entries());
  store_.look_around();
  std::vector<Store::Found> found(places_.size());
  TRY(each_in_parallel(places_.size(), [&](size_t i) -> base::Status {
    thread_local std::vector<std::byte> piece;
    piece.resize(places_[i].size);
    found[i] = store_.read(*places_[i].hash, piece);
    return found[i] == Store::Found::yes ? write(places_[i], piece) : base::Done{};
  }));
  for (size_t i = 0; i < places_.size(); ++i) {
    if (found[i] == Store::Found::yes) continue;
    Coming& coming = coming_[*places_[i].hash];
    if (coming.places.empty()) coming_bytes_[places_[i].entry] += places_[i].size;
    coming.places.push_back(i);
    coming.changed |= found[i] == Store::Found::changed;
  }
  return base::Done{};
}

base::Status Bundle::make_entries() {
  for (size_t i = 0; i < manifest_.size(); ++i) {
    const Entry& entry = manifest_[i];
    const std::filesystem::path at = path(i);
    std::error_code error;
    std::filesystem::create_directories(entry.kind == Entry::Kind::folder ? at : at.parent_path(), error);
    if (error) return cannot_write(at, error.value());
    if (entry.kind != Entry::Kind::file) continue;
    base::Fd file(open(at.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.valid() || ftruncate(file.get(), static_cast<off_t>(entry.size)) < 0) return cannot_write(at, errno);
  }
  return base::Done{};
}

std::vector<uint32_t> Bundle::lacking() const {
  std::vector<uint32_t> numbers;
  for (const auto& [hash, coming] : coming_) numbers.push_back(static_cast<uint32_t>(coming.places.front()));
  std::ranges::sort(numbers);
  return numbers;
}

// A whole file is kept for the sake of its new pieces where those are most of it. And where a program changes what it
// is given, it will do so the next time, too.
bool Bundle::is_shared(const PiecePlace& place) const {
  const uint64_t size = manifest_[place.entry].size;
  return !coming_.at(*place.hash).changed && 2 * coming_bytes_.at(place.entry) >= size && size <= largest_shared;
}

uint64_t Bundle::written_twice() const {
  uint64_t bytes = 0;
  for (const auto& [hash, coming] : coming_)
    if (const PiecePlace& place = places_[coming.places.front()]; !is_shared(place)) bytes += place.size;
  return bytes;
}

base::Status Bundle::take(const PiecePlace& place, std::span<const std::byte> bytes) {
  for (size_t i : coming_.at(*place.hash).places) TRY(write(places_[i], bytes));
  const Part part{path(place.entry), manifest_[place.entry].size, place.offset,
                  name_ + "-" + std::to_string(place.entry)};
  if (is_shared(place) && store_.share(*place.hash, part)) return base::Done{};
  return store_.add(*place.hash, bytes);
}

base::Status Bundle::write(const PiecePlace& place, std::span<const std::byte> bytes) const {
  const std::string at = path(place.entry);
  base::Fd file(open(at.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return cannot_write(at, errno);
  return write_at(file.get(), bytes, place.offset, at);
}

base::Status Bundle::finish() {
  for (size_t i = 0; i < manifest_.size(); ++i) {
    const Entry& entry = manifest_[i];
    const std::string at = path(i);
    bool good = true;
    if (entry.kind == Entry::Kind::link) good = symlink(entry.target.c_str(), at.c_str()) == 0;
    if (entry.kind == Entry::Kind::file) good = chmod(at.c_str(), entry.mode | 0600) == 0;
    if (!good) return cannot_write(at, errno);
  }
  return base::Done{};
}

}  // namespace exec
