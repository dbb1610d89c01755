#include "reach/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

extern char** environ;

namespace reach {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t most_said = size_t{1} << 20;

int as_a_shell(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

struct Pipe {
  base::Fd reading, writing;
  static base::Result<Pipe> create() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return base::Error{std::string("no pipe can be made: ") + std::strerror(errno)};
    return Pipe{base::Fd(ends[0]), base::Fd(ends[1])};
  }
};

// False: there is no more.
bool read_into(std::string& text, int from) {
  char bytes[4096];
  ssize_t got = read(from, bytes, sizeof bytes);
  if (got <= 0) return got < 0 && errno == EINTR;
  if (text.size() < most_said) text.append(bytes, static_cast<size_t>(got));
  return true;
}

}  // namespace

base::Result<Child> Child::start(const Words& words, Ends ends) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  auto place = [&](int from, int to, int flags) {
    if (from >= 0)
      posix_spawn_file_actions_adddup2(&actions, from, to);
    else
      posix_spawn_file_actions_addopen(&actions, to, "/dev/null", flags, 0);
  };
  place(ends.in, 0, O_RDONLY);
  place(ends.out, 1, O_WRONLY);
  if (ends.error >= 0) place(ends.error, 2, O_WRONLY);
  pid_t pid = -1;
  int error = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return base::Error{"there is no '" + words[0] + "' on this machine; is it installed?"};
  if (error) return base::Error{"cannot run " + words[0] + ": " + std::strerror(error)};
  return Child(pid);
}

Child::Child(pid_t pid) : pid_(pid), descriptor_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), descriptor_(std::move(other.descriptor_)), code_(other.code_) {}

Child::~Child() {
  if (pid_ > 0) end();
}

std::optional<int> Child::ended() {
  int status = 0;
  if (!code_ && waitpid(pid_, &status, WNOHANG) == pid_) code_ = as_a_shell(status);
  return code_;
}

int Child::wait() {
  int status = 0;
  while (!code_) {
    if (waitpid(pid_, &status, 0) == pid_)
      code_ = as_a_shell(status);
    else if (errno != EINTR)
      code_ = 127;
  }
  return *code_;
}

void Child::end() {
  if (ended()) return;
  kill(pid_, SIGTERM);
  for (int waited = 0; waited < 100 && !ended(); ++waited) poll(nullptr, 0, 10);
  if (ended()) return;
  kill(pid_, SIGKILL);
  wait();
}

base::Result<Said> ask(const Words& words, int seconds, const std::string& input) {
  Pipe in = TRY(Pipe::create()), out = TRY(Pipe::create()), error = TRY(Pipe::create());
  Child child = TRY(Child::start(words, {in.reading.get(), out.writing.get(), error.writing.get()}));
  in.reading.close();
  out.writing.close();
  error.writing.close();
  if (!input.empty() && write(in.writing.get(), input.data(), input.size()) < 0) errno = 0;  // it says why
  in.writing.close();
  Said said;
  const auto until = Clock::now() + std::chrono::seconds(seconds);
  while (out.reading.valid() || error.reading.valid()) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return base::Error{words[0] + " did not answer within " + std::to_string(seconds) + " s"};
    pollfd both[] = {{out.reading.get(), POLLIN, 0}, {error.reading.get(), POLLIN, 0}};
    if (poll(both, 2, static_cast<int>(left)) <= 0) continue;
    if (both[0].revents && !read_into(said.out, out.reading.get())) out.reading.close();
    if (both[1].revents && !read_into(said.error, error.reading.get())) error.reading.close();
  }
  said.code = child.wait();
  return said;
}

std::string last_line(const std::string& text) {
  size_t end = text.find_last_not_of(" \t\r\n");
  if (end == text.npos) return {};
  size_t begin = text.find_last_of("\r\n", end);
  return text.substr(begin == text.npos ? 0 : begin + 1, end - (begin == text.npos ? 0 : begin + 1) + 1);
}

}  // namespace reach
