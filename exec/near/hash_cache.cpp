#include "exec/near/hash_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "exec/hash_files.h"
#include "exec/manifest.h"

namespace exec {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t worth_keeping = uint64_t{1} << 20;
constexpr int settled_seconds = 2;  // a file may change again within one tick of its clock

// All that tells a file from what it was, as long as nobody turns the clock back.
struct Look {
  uint64_t device, inode, size;
  int64_t modified_s, modified_ns, changed_s, changed_ns;
};

Look look_of(const struct stat& status) {
  return {status.st_dev,         status.st_ino,          static_cast<uint64_t>(status.st_size),
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

std::string cache_file(const std::string& path) {
  auto setting = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  std::string base = setting("XDG_CACHE_HOME");
  if (!base.starts_with('/')) base = setting("HOME").starts_with('/') ? setting("HOME") + "/.cache" : "";
  if (base.empty()) return "";
  const std::string whole = fs::absolute(path);
  return base + "/outboard/hashes/" + hex(hash_of(std::as_bytes(std::span(whole)))).substr(0, 32);
}

bool read_kept(const std::string& file, const Look& look, std::vector<Hash>& hashes) {
  std::ifstream kept(file, std::ios::binary);
  Look then{};
  return kept.read(reinterpret_cast<char*>(&then), sizeof then) && !std::memcmp(&then, &look, sizeof look) &&
         kept.read(reinterpret_cast<char*>(hashes.data()), static_cast<std::streamsize>(hashes.size() * sizeof(Hash)));
}

void keep(const std::string& file, const Look& look, const std::vector<Hash>& hashes) {
  std::error_code error;
  fs::create_directories(fs::path(file).parent_path(), error);
  const std::string made = file + "." + std::to_string(getpid());
  std::ofstream out(made, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&look), sizeof look);
  out.write(reinterpret_cast<const char*>(hashes.data()), static_cast<std::streamsize>(hashes.size() * sizeof(Hash)));
  out.close();
  if (out)
    fs::rename(made, file, error);
  else
    fs::remove(made, error);
}

}  // namespace

base::Result<std::vector<Hash>> hashes_of(const std::string& path, uint64_t& size, const std::atomic<bool>* leave) {
  struct stat status {};
  if (stat(path.c_str(), &status) < 0) return base::Error{path + ": " + std::strerror(errno)};
  size = static_cast<uint64_t>(status.st_size);
  const Look look = look_of(status);
  const std::string file = size >= worth_keeping ? cache_file(path) : "";
  std::vector<Hash> hashes((size + piece_size - 1) / piece_size);
  if (!file.empty() && read_kept(file, look, hashes)) return hashes;
  hashes = TRY(hash_file(path, size, leave));
  struct stat after {};
  const bool same = stat(path.c_str(), &after) == 0 && !std::memcmp(&after.st_mtim, &status.st_mtim, sizeof(timespec));
  if (!same) return base::Error{path + " changes while it is read; try again when it is done"};
  if (!file.empty() && std::time(nullptr) - status.st_mtim.tv_sec > settled_seconds) keep(file, look, hashes);
  return hashes;
}

}  // namespace exec
