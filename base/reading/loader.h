// Which file the dynamic loader would take for a library's name, found by reading alone. glibc: ld.so(8), "RPATH",
// LD_LIBRARY_PATH, RUNPATH, the cache, the system's folders. musl: its path file instead of the cache.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/reading/elf.h"
#include "base/reading/ld_cache.h"
#include "base/reading/place.h"

namespace base::reading {

// Who asks: the folders are those of the asking file, $ORIGIN replaced.
struct Asker {
  int bits = 64;
  std::string machine;
  bool musl = false;
  std::vector<std::string> rpath, runpath;
};

struct Resolved {
  std::string path;                     // empty: there is none
  std::string why;                      // why not
  std::vector<std::string> candidates;  // all that bear the name, in the order of the search, fitting or not
};

class Loader {
 public:
  explicit Loader(const Place& place);

  // Like glibc, passes over files of another class or machine, and stops at one that is damaged.
  Resolved resolve(const std::string& name, const Asker& asker) const;
  // The libraries that `path`, or what it needs, names and the search does not find. At most `most` files are read.
  std::vector<std::string> missing(const std::string& path, size_t most = 512) const;
  // The first of them; empty: all are there.
  std::string first_missing(const std::string& path, size_t most = 512) const;

  const std::vector<CacheEntry>& cache() const { return cache_; }
  const std::string& cache_problem() const { return cache_problem_; }
  std::vector<std::string> library_path() const;
  // The folders of the system for a machine, without those of the cache.
  static std::vector<std::string> system_folders(int bits, const std::string& machine);

  // The asker that a file is.
  static Asker asker(const Elf& elf, const std::string& path);

 private:
  std::vector<std::string> folders_of_musl(const std::string& machine) const;
  std::vector<std::string> candidates(const std::string& name, const Asker& asker) const;

  const Place& place_;
  std::vector<CacheEntry> cache_;
  std::string cache_problem_;
};

}  // namespace base::reading
