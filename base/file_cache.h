// Content on disk under a key, so that what was costly to get is got once. Any trouble with the disk means getting it
// once more, never an error.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// One folder of files, named by key. Several processes may use it at once; thread-safe.
//
// A file is trusted only where this user alone could have written it: folder and file belong to the user and nobody
// else may write. Files are written under another name and renamed; each carries a digest, so that one that is cut
// short or damaged is no file at all.
class FileCache {
 public:
  using Digest = std::array<uint8_t, 32>;
  // Of name and content: a file under another's name is damaged, too.
  using MakeDigest = Digest (*)(std::string_view key, std::string_view content);

  // An empty folder: the cache is off.
  FileCache(std::string folder, uint64_t most_bytes, MakeDigest digest)
      : folder_(std::move(folder)), most_bytes_(most_bytes), digest_(digest) {}

  // The user's for one kind of content: for "kernels" OUTBOARD_CACHE (a folder, or "off"), for others a folder in
  // there; else $XDG_CACHE_HOME/outboard/NAME, else ~/.cache/outboard/NAME.
  static std::string users_folder(const std::string& name);
  // OUTBOARD_CACHE_SIZE in bytes, for each kind; default 1 GiB.
  static uint64_t users_size();
  // For a process that will not be able to.
  static void make_folder(const std::string& path);

  bool on() const { return !folder_.empty(); }
  // `key`: letters and digits.
  std::optional<std::string> read(const std::string& key);
  void write(const std::string& key, std::string_view content);

 private:
  void make_room(int folder, uint64_t more);

  const std::string folder_;
  const uint64_t most_bytes_;
  const MakeDigest digest_;
  std::atomic<uint64_t> serial_{0};  // of temporary names
  std::mutex lock_;
  bool counted_ = false;
  uint64_t bytes_ = 0;  // in the folder, as far as this process knows
};

}  // namespace base
