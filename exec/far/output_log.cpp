#include "exec/far/output_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "exec/files.h"

namespace exec {

constexpr uint64_t block = uint64_t{1} << 20;  // the file systems' own are smaller

base::Result<OutputLog> OutputLog::create(const std::string& path) {
  OutputLog log;
  log.path_ = path;
  log.file_ = base::Fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!log.file_.valid()) return cannot_write(path, errno);
  return log;
}

base::Status OutputLog::append(std::span<const std::byte> bytes) {
  TRY(write_at(file_.get(), bytes, size_, path_));
  size_ += bytes.size();
  return base::Done{};
}

void OutputLog::trim(uint64_t kept, uint64_t needed) {
  const uint64_t end = std::min(size_ > kept ? size_ - kept : 0, needed) / block * block;
  if (end < dropped_ + 8 * block) return;
  fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(dropped_),
            static_cast<off_t>(end - dropped_));  // where that cannot be done, the log stays whole
  dropped_ = end;
}

uint64_t first_kept(int file, uint64_t from) {
  off_t at = lseek(file, static_cast<off_t>(from), SEEK_DATA);
  return at < 0 ? from : static_cast<uint64_t>(at);
}

}  // namespace exec
