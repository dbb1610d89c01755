// What a program needs of the host that shall run it, found by reading the file and the libraries that the dynamic
// loader would take for it here.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace exec {

// The program itself or a library of it.
struct Part {
  std::string name;                // as it is asked for: libfoo.so.1; of the program: empty
  std::string path;                // here; empty: it is not here either
  std::vector<std::string> needs;  // names of others
  std::string glibc;               // the newest version of its symbols that this part wants, "2.34"; empty: none
  std::set<std::string> versions;  // of this part's symbols, that somebody in the program wants: FOO_1.2
};

struct Needs {
  std::string machine;      // as uname -m says it; empty: it is no ELF file
  std::string interpreter;  // the dynamic loader; empty: a static program
  std::vector<Part> parts;  // the program first
  int cuda = 0;             // version of its CUDA runtime, 12040; 0: none, or it does not say
  const Part* find(const std::string& name) const;
};

Needs inspect(const std::string& path);

// What must be the host's own: the C library in all its parts, which fit their kernel and each other alone.
bool is_c_library(const std::string& name);
// The GPU's driver, which fits its kernel module alone; Outboard has its own in its place.
bool is_driver(const std::string& name);

// "2.9" < "2.36"
bool version_less(const std::string& left, const std::string& right);

}  // namespace exec
