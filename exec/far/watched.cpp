#include "exec/far/watched.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "exec/far/clock.h"
#include "exec/far/supervision.h"

namespace exec {
namespace {

constexpr size_t read_size = 256 << 10;
constexpr int64_t disk_patience_ms = 3000;  // a program that filled the disk may make room by itself
constexpr char end_of_transmission = 4;     // what a terminal's line discipline takes for the end (termios(3), VEOF)

}  // namespace

void Watched::adopt(Running running, bool merged) {
  running_ = std::move(running);
  merged_ = merged;
}

void Watched::watch(std::vector<pollfd>& watched, const uint64_t (&limit)[2]) const {
  const bool out = logs_[merged_].size() < limit[merged_] && !waits_for_disk();
  const bool err = logs_[1].size() < limit[1] && !waits_for_disk();
  watched.push_back({out ? running_.out.get() : -1, POLLIN, 0});
  watched.push_back({err ? running_.err.get() : -1, POLLIN, 0});
  watched.push_back({input_.empty() ? -1 : running_.input.get(), POLLOUT, 0});
}

base::Status Watched::move(const std::vector<pollfd>& watched) {
  const pollfd* ours = &watched[watched.size() - 3];
  if (ours[2].revents) write_input();
  TRY(write_unwritten());
  if (ours[0].revents) TRY(read_stream(running_.out, merged_));
  if (ours[1].revents) TRY(read_stream(running_.err, 1));
  return base::Done{};
}

base::Status Watched::read_stream(base::Fd& from, int stream) {
  static std::byte bytes[read_size];
  ssize_t got = read(from.get(), bytes, sizeof bytes);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return base::Done{};
  if (got <= 0) {  // a terminal that nobody has open any more answers EIO
    from.close();
    return base::Done{};
  }
  unwritten_[stream].insert(unwritten_[stream].end(), bytes, bytes + got);
  return write_unwritten();
}

base::Status Watched::write_unwritten() {
  for (int stream : {0, 1}) {
    if (unwritten_[stream].empty()) continue;
    base::Status written = logs_[stream].append(unwritten_[stream]);
    if (!written) {
      if (!disk_full_since_ms_) disk_full_since_ms_ = now_ms();
      if (now_ms() - disk_full_since_ms_ >= disk_patience_ms) return written;
      return base::Done{};
    }
    unwritten_[stream].clear();
  }
  disk_full_since_ms_ = 0;
  return base::Done{};
}

bool Watched::silent() const {
  return !running_.out.valid() && !running_.err.valid() && unwritten_[0].empty() && unwritten_[1].empty();
}

void Watched::close_streams() {
  running_.out.close();
  running_.err.close();
}

void Watched::drain() {
  pollfd streams[2];
  do {
    streams[0] = {running_.out.get(), POLLIN, 0};
    streams[1] = {running_.err.get(), POLLIN, 0};
    if (poll(streams, 2, 0) <= 0) return;
    if (streams[0].revents && !read_stream(running_.out, merged_)) return;
    if (streams[1].revents && !read_stream(running_.err, 1)) return;
  } while (!silent());
}

bool Watched::take_input(uint64_t at, const std::byte* bytes, size_t size) {
  const uint64_t known = input_done_ + input_.size();
  if (at > known || at + size < at) return false;
  const uint64_t repeated = std::min<uint64_t>(known - at, size);  // sent once more after a break
  if (input_.size() + size - repeated > 2 * input_window) return false;
  if (!running_.input.valid()) {
    input_done_ += size - repeated;  // the program reads no more
    return true;
  }
  input_.insert(input_.end(), bytes + repeated, bytes + size);
  return true;
}

void Watched::end_input() {
  input_ends_ = true;
  if (!input_.empty()) return;
  if (terminal_ && running_.input.valid() && write(running_.input.get(), &end_of_transmission, 1) < 0)
    running_.input.close();
  if (!terminal_) running_.input.close();
}

void Watched::write_input() {
  ssize_t put = write(running_.input.get(), input_.data(), input_.size());
  if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (put < 0) {
    running_.input.close();
    put = static_cast<ssize_t>(input_.size());
  }
  input_.erase(input_.begin(), input_.begin() + put);
  input_done_ += static_cast<uint64_t>(put);
  if (input_.empty() && input_ends_) end_input();
}

void Watched::trim(int stream, uint64_t needed) { logs_[stream].trim(log_kept, needed); }

base::Status Watched::say(const std::string& line) {
  const std::string whole = "outboard: " + line + "\n";
  return logs_[1].append(std::as_bytes(std::span(whole)));
}

}  // namespace exec
