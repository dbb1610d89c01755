#include "exec/near/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "exec/files.h"

namespace exec {
namespace {

int open_beneath(int root, const std::string& name, int flags, mode_t mode = 0) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  long opened = -1;
  do opened = syscall(SYS_openat2, root, name.c_str(), &how, sizeof how);
  while (opened < 0 && errno == EAGAIN);  // somebody renames folders meanwhile
  return static_cast<int>(opened);
}

}  // namespace

base::Result<Beneath> Beneath::open(const std::string& folder) {
  Beneath made;
  made.path_ = folder;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  made.root_ = base::Fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!made.root_.valid()) return base::Error{"results cannot go into " + folder + ": " + std::strerror(errno)};
  return made;
}

base::Error Beneath::failed(const std::string& name, int reason) const {
  if (reason == EXDEV || reason == ELOOP)
    return base::Error{"the output '" + name + "' would land outside of " + path_ +
                       ": a link in its way leads out; nothing was written"};
  if (reason == ENOSYS) return base::Error{"this kernel is too old to bring results back safely (openat2, Linux 5.6)"};
  return cannot_write(path_ + "/" + name, reason);
}

base::Result<base::Fd> Beneath::folder_of(const std::string& name) {
  base::Fd folder(open_beneath(root_.get(), ".", O_RDONLY | O_DIRECTORY));
  for (size_t at = name.find('/'); at != name.npos; at = name.find('/', at + 1)) {
    const std::string part = name.substr(0, at);
    base::Fd next(open_beneath(root_.get(), part, O_RDONLY | O_DIRECTORY));
    if (!next.valid() && errno == ENOENT) {
      if (mkdirat(folder.get(), last_part(part).c_str(), 0777) < 0) return failed(part, errno);
      made_.push_back(part);
      next = base::Fd(open_beneath(root_.get(), part, O_RDONLY | O_DIRECTORY));
    }
    if (!next.valid()) return failed(part, errno);
    folder = std::move(next);
  }
  return folder;
}

base::Result<bool> Beneath::look(const std::string& name, struct stat& status) const {
  base::Fd file(open_beneath(root_.get(), name, O_PATH | O_NOFOLLOW));
  if (!file.valid() && (errno == ENOENT || errno == ENOTDIR)) return false;
  if (!file.valid() || fstat(file.get(), &status) < 0) return failed(name, errno);
  return true;
}

base::Result<base::Fd> Beneath::open_file(const std::string& name, int flags, mode_t mode) const {
  base::Fd file(open_beneath(root_.get(), name, flags | O_NOFOLLOW, mode));
  if (!file.valid()) return failed(name, errno);
  return file;
}

void Beneath::remove(const std::string& name) const {
  const std::string folder = name.substr(0, name.size() - last_part(name).size());
  base::Fd at(open_beneath(root_.get(), folder.empty() ? "." : folder, O_PATH | O_DIRECTORY));
  if (at.valid()) unlinkat(at.get(), last_part(name).c_str(), 0);
}

void Beneath::unmake() {
  for (auto each = made_.rbegin(); each != made_.rend(); ++each) unlinkat(root_.get(), each->c_str(), AT_REMOVEDIR);
  made_.clear();
}

}  // namespace exec
