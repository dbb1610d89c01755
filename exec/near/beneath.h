// Names below a folder, opened so that the kernel refuses whatever leads out of it: "..", links, races (openat2(2),
// RESOLVE_BENEATH).
#pragma once
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace exec {

class Beneath {
 public:
  static base::Result<Beneath> open(const std::string& folder);

  // The folder that `name` lies in, made if it is missing.
  base::Result<base::Fd> folder_of(const std::string& name);
  // What is there under this name, a link as itself. False: nothing.
  base::Result<bool> look(const std::string& name, struct stat& status) const;
  base::Result<base::Fd> open_file(const std::string& name, int flags, mode_t mode = 0) const;
  // Removes a file or a link; nothing if it is not there, or not below.
  void remove(const std::string& name) const;
  // Removes the folders again that folder_of() made and that are empty.
  void unmake();
  int descriptor() const { return root_.get(); }
  const std::string& path() const { return path_; }

 private:
  base::Error failed(const std::string& name, int reason) const;

  std::string path_;
  base::Fd root_;
  std::vector<std::string> made_;
};

inline std::string last_part(const std::string& name) { return name.substr(name.rfind('/') + 1); }

}  // namespace exec
