// A bundle as a tar archive (POSIX.1-2017, pax, "ustar Interchange Format"), which every machine can unpack.
#pragma once
#include <functional>
#include <span>

#include "reach/bootstrap/bundle.h"

namespace reach {

// In pieces, the manifest first. False from `write` stops it, which is an error, as is a file that has changed since
// the bundle was made.
base::Status write_tar(const Bundle& bundle, const std::function<bool(std::span<const char>)>& write);

}  // namespace reach
