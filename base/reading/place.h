// Where the probes look: a root directory, the folders of commands, an environment. Tests give them made ones.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>

namespace base::reading {

using Environment = std::map<std::string, std::string, std::less<>>;

struct Place {
  std::string root = "/";   // every file is read below it; links are followed inside it
  std::string path;         // folders of commands, separated by colons; not below the root
  Environment environment;  // what commands get, and what "e:" facts are taken from
  pid_t process = 0;        // whose parents are asked for their environment

  // The machine and the process as they are.
  static Place here();
  // Whether the root is the machine's own: libraries are loaded by name there, and by path elsewhere.
  bool real() const { return root == "/"; }
  std::string variable(std::string_view name) const;
};

}  // namespace base::reading
