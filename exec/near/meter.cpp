#include "exec/near/meter.h"

#include <unistd.h>

#include <cstdio>

namespace exec {
namespace {

constexpr double long_seconds = 2;
constexpr auto between = std::chrono::milliseconds(100);

}  // namespace

Meter::Meter(std::string what, uint64_t total, bool quiet)
    : what_(std::move(what)), total_(total), terminal_(isatty(2)), quiet_(quiet) {}

double Meter::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

void Meter::moved(uint64_t done, uint64_t travelled) {
  done_ = done;
  travelled_ = travelled;
  const auto now = std::chrono::steady_clock::now();
  if (quiet_ || !terminal_ || now - last_ < between || !total_) return;
  last_ = now;
  shown_ = true;
  const int marks = static_cast<int>(30 * done / total_);
  std::fprintf(stderr, "\r%s [%-30.*s] %3llu %%  %.0f MB/s ", what_.c_str(), marks, "##############################",
               static_cast<unsigned long long>(100 * done / total_), static_cast<double>(done) / seconds() / 1e6);
}

void Meter::finish() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
  if (!quiet_ && (seconds() > long_seconds || shown_) && total_)
    std::fprintf(stderr, "outboard: %s %.1f MB (%.1f MB on the way) in %.1f s\n", what_.c_str(),
                 static_cast<double>(done_) / 1e6, static_cast<double>(travelled_) / 1e6, seconds());
}

}  // namespace exec
