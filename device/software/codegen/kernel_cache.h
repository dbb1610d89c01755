// Compiled kernels on disk, so that a kernel is compiled once and not once per process. Any trouble with the disk
// means a compilation more, never an error.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace software {

// One folder of files, named by key. Several processes may use it at once; thread-safe.
//
// A file is trusted only where this user alone could have written it: folder and file belong to the user and nobody
// else may write. Files are written under another name and renamed; each carries a hash of its content, so that one
// that is cut short or damaged is no file at all.
class KernelCache {
 public:
  // An empty folder: the cache is off.
  KernelCache(std::string folder, uint64_t most_bytes) : folder_(std::move(folder)), most_bytes_(most_bytes) {}

  // The user's: OUTBOARD_CACHE (a folder, or "off"), else $XDG_CACHE_HOME/outboard/kernels, else
  // ~/.cache/outboard/kernels; OUTBOARD_CACHE_SIZE in bytes, default 1 GiB.
  static KernelCache& users();

  bool on() const { return !folder_.empty(); }
  // `key`: letters and digits.
  std::optional<std::string> read(const std::string& key);
  void write(const std::string& key, std::string_view content);

 private:
  void make_room(int folder, uint64_t more);

  const std::string folder_;
  const uint64_t most_bytes_;
  std::atomic<uint64_t> serial_{0};  // of temporary names
  std::mutex lock_;
  bool counted_ = false;
  uint64_t bytes_ = 0;  // in the folder, as far as this process knows
};

}  // namespace software
