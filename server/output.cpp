// Pipes in place of standard output and standard error.
#include "server/output.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/log.h"

namespace server {
namespace {

// A pipe whose writing end replaces `target`.
base::Result<base::Fd> replace(int target) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return base::Error{std::string("cannot make a pipe: ") + std::strerror(errno)};
  base::Fd reading(ends[0]), writing(ends[1]);
  fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  fcntl(writing.get(), F_SETPIPE_SZ, 1 << 20);  // fewer stops for code that prints much; refusal does no harm
  if (dup2(writing.get(), target) < 0)
    return base::Error{std::string("cannot redirect output: ") + std::strerror(errno)};
  return reading;
}

}  // namespace

base::Result<Output> Output::capture() {
  int kept = fcntl(2, F_DUPFD_CLOEXEC, 3);
  if (kept >= 0) base::set_log_fd(kept);
  Output output;
  output.out_ = TRY(replace(1));
  output.err_ = TRY(replace(2));
  // A driver that prints through the C library must not keep what a kernel printed.
  setvbuf(stdout, nullptr, _IONBF, 0);
  return output;
}

void Output::drain(const std::function<void(int, std::span<const std::byte>)>& sink) {
  std::lock_guard hold(*lock_);
  std::byte bytes[16 << 10];
  for (int stream : {1, 2}) {
    int from = stream == 1 ? out_.get() : err_.get();
    for (ssize_t got; (got = read(from, bytes, sizeof bytes)) > 0;) sink(stream, {bytes, static_cast<size_t>(got)});
  }
}

}  // namespace server
