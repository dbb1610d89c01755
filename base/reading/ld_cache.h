// /etc/ld.so.cache, in the form of today ("glibc-ld.so.cache1.1"), the old one ("ld.so-1.7.0"), or one after the other.
// Reads untrusted bytes; never looks outside them. glibc, sysdeps/generic/dl-cache.h.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace base::reading {

struct CacheEntry {
  std::string name, path;
};
std::vector<CacheEntry> read_ld_cache(std::string_view bytes);

}  // namespace base::reading
