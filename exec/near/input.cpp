#include "exec/near/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace exec {
namespace {

constexpr size_t most_kept = 1 << 20;  // the job's supervisor takes as much

sigset_t held_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT})
    sigaddset(&set, signal);
  return set;
}

}  // namespace

void hold_signals() {
  sigset_t set = held_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

InputThread::InputThread(bool reads, bool terminal) : reads_(reads), terminal_(terminal) {
  sigset_t set = held_signals();
  signals_ = base::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  wake_ = base::Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (terminal_ && tcgetattr(0, &before_) == 0) {
    termios raw = before_;
    cfmakeraw(&raw);
    raw_ = tcsetattr(0, TCSADRAIN, &raw) == 0;
  }
  thread_ = std::thread([this] { run(); });
}

InputThread::~InputThread() {
  stop_ = true;
  wake();
  thread_.join();
  if (raw_) tcsetattr(0, TCSADRAIN, &before_);
}

void InputThread::wake() {
  eventfd_write(wake_.get(), 1);  // it fails where that is awake
}

void InputThread::use(Conversation* host) {
  std::lock_guard locked(hold_);
  host_ = host;
  if (!host_) return;
  if (!kept_.empty()) host_->send(Kind::input, taken_, {}, kept_);
  if (at_end_) host_->send(Kind::input, taken_ + kept_.size());
}

void InputThread::taken(uint64_t bytes) {
  {
    std::lock_guard locked(hold_);
    if (bytes <= taken_) return;
    const uint64_t gone = std::min<uint64_t>(bytes - taken_, kept_.size());
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<long>(gone));
    taken_ += gone;
  }
  wake();
}

void InputThread::run() {
  while (!stop_) {
    bool room;
    {
      std::lock_guard locked(hold_);
      room = reads_ && !at_end_ && kept_.size() < most_kept;
    }
    pollfd watched[] = {{wake_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}, {room ? 0 : -1, POLLIN, 0}};
    if (poll(watched, 3, -1) < 0) continue;
    uint64_t count;
    if (watched[0].revents && read(wake_.get(), &count, sizeof count) < 0) continue;
    if (watched[1].revents) read_signals();
    if (watched[2].revents && !stop_) read_input();
  }
}

void InputThread::read_input() {
  std::byte bytes[64 << 10];
  ssize_t got = read(0, bytes, sizeof bytes);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  std::lock_guard locked(hold_);
  at_end_ = got <= 0;
  const uint64_t at = taken_ + kept_.size();
  if (!at_end_) kept_.insert(kept_.end(), bytes, bytes + got);
  if (host_) host_->send(Kind::input, at, {}, {bytes, at_end_ ? 0 : static_cast<size_t>(got)});
}

void InputThread::send_window() {
  winsize size{};
  if (!terminal_ || ioctl(0, TIOCGWINSZ, &size) < 0) return;
  host_->send(Kind::window, static_cast<uint64_t>(size.ws_row) << 16 | size.ws_col);
}

void InputThread::read_signals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    std::lock_guard locked(hold_);
    const int signal = static_cast<int>(info.ssi_signo);
    const bool asks_to_end = signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
    if (!host_ || !reads_) {  // nobody to tell, or it is not our job to stop
      interrupted_ = interrupted_ || asks_to_end;
      if (asks_to_end && !reads_) _exit(128 + signal);
    } else if (signal == SIGWINCH) {
      send_window();
    } else {
      host_->send(Kind::signal, info.ssi_signo);
    }
    if (signal == SIGTSTP) raise(SIGSTOP);  // both rest, and go on together
  }
}

}  // namespace exec
