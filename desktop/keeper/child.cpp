#include "desktop/keeper/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace desktop {

using namespace std::chrono_literals;

namespace {

// Between fork and exec: only what is safe there.
[[noreturn]] void become(char* const* words, char* const* environment, int output, int keep, pid_t keeper,
                         int failure) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != keeper) _exit(127);
  setpgid(0, 0);
  for (int each = 1; each < NSIG; ++each) signal(each, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(output >= 0 ? output : null, 1);
  dup2(output >= 0 ? output : null, 2);
  if (keep >= 0) fcntl(keep, F_SETFD, 0);
  environ = const_cast<char**>(environment);
  execvp(words[0], words);
  const int error = errno;
  if (write(failure, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

std::vector<std::string> merged(const std::map<std::string, std::string>& more) {
  std::vector<std::string> all;
  for (char** each = environ; *each; ++each) {
    const std::string text = *each, name = text.substr(0, text.find('='));
    if (!more.count(name)) all.push_back(text);
  }
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& each : texts) all.push_back(const_cast<char*>(each.c_str()));
  all.push_back(nullptr);
  return all;
}

base::Result<pid_t> spawn_with(const ChildOptions& options, int output) {
  const auto environment = merged(options.environment);
  const auto words = pointers(options.command), variables = pointers(environment);
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) return base::Error{std::string("no pipe: ") + std::strerror(errno)};
  base::Fd reading(failure[0]), writing(failure[1]);
  const pid_t keeper = getpid(), child = fork();
  if (child < 0) return base::Error{std::string("cannot fork: ") + std::strerror(errno)};
  if (child == 0) become(words.data(), variables.data(), output, options.keep, keeper, writing.get());
  writing.close();
  int error = 0;
  if (read(reading.get(), &error, sizeof error) == sizeof error) {
    waitpid(child, nullptr, 0);
    return base::Error{"cannot start '" + options.command[0] + "': " + std::strerror(error)};
  }
  return child;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  DIR* folder = opendir("/proc");
  if (!folder) return found;
  while (const dirent* entry = readdir(folder)) {
    const pid_t process = std::atoi(entry->d_name);
    if (process <= 0) continue;
    std::ifstream file("/proc/" + std::string(entry->d_name) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const size_t end = text.rfind(')');  // the name before may hold anything
    if (end == text.npos) continue;
    std::istringstream rest(text.substr(end + 2));
    char state = 0;
    pid_t its_parent = 0;
    rest >> state >> its_parent;
    if (its_parent == parent && state != 'Z') found.push_back(process);
  }
  closedir(folder);
  return found;
}

}  // namespace

base::Result<pid_t> spawn(const ChildOptions& options) {
  base::Fd log;
  if (!options.log.empty()) log = base::Fd(open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  return spawn_with(options, log.get());
}

base::Result<std::string> ask_program(ChildOptions options, std::chrono::milliseconds most) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return base::Error{std::string("no pipe: ") + std::strerror(errno)};
  base::Fd reading(ends[0]), writing(ends[1]);
  const pid_t child = TRY(spawn_with(options, writing.get()));
  writing.close();
  std::string text;
  const auto until = std::chrono::steady_clock::now() + most;
  bool late = false;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd ready{reading.get(), POLLIN, 0};
    late = left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) == 0;
    if (late || text.size() > (1u << 16)) break;
    char bytes[4096];
    const ssize_t got = read(reading.get(), bytes, sizeof bytes);
    if (got <= 0) break;
    text.append(bytes, static_cast<size_t>(got));
  }
  if (late) kill(-child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (late) return base::Error{"'" + options.command[0] + "' did not end in time"};
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return base::Error{text.empty() ? "'" + options.command[0] + "' failed" : text.substr(0, text.find('\n'))};
  return text;
}

bool is_installed(const std::string& program) {
  std::istringstream path(std::getenv("PATH") ? std::getenv("PATH") : "/usr/bin:/bin");
  for (std::string folder; std::getline(path, folder, ':');)
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  return false;
}

std::string last_words(const std::string& log) {
  std::ifstream file(log);
  std::string line, last;
  while (std::getline(file, line))
    if (line.find_first_not_of(" \t\r") != line.npos) last = line;
  std::erase_if(last, [](char c) { return c < 32 || c > 126; });
  return last.substr(0, 300);
}

void end_children() {
  for (int tenth = 0; tenth < 40; ++tenth) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const std::vector<pid_t> left = children_of(getpid());
    if (left.empty()) return;
    if (tenth == 0 || tenth >= 20)
      for (pid_t each : left) kill(each, tenth ? SIGKILL : SIGTERM);
    usleep(100'000);
  }
}

}  // namespace desktop
