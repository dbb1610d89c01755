// Names with *, ?, [a-z] and **, as shells and .gitignore write them (POSIX.1-2017, 2.13; gitignore(5)).
#pragma once
#include <string_view>

namespace exec {

// * and ? stop at a slash; ** as a whole part matches any number of parts.
bool matches(std::string_view pattern, std::string_view path);

}  // namespace exec
