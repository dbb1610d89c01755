// Commands inside a probe.
#include "doctor/probes/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  base::Fd reading, writing;
};

bool make(Pipe& pipe) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  pipe = {base::Fd(ends[0]), base::Fd(ends[1])};
  return true;
}

[[noreturn]] void become(const Place& place, const std::string& file, const std::vector<std::string>& arguments,
                         int out, int err) {
  std::vector<std::string> variables = {"LC_ALL=C"};
  for (const auto& [name, value] : place.environment)
    if (name != "LC_ALL") variables.push_back(name + "=" + value);
  std::vector<char*> environment, words;
  for (std::string& variable : variables) environment.push_back(variable.data());
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  environment.push_back(nullptr);
  words.push_back(nullptr);
  dup2(open("/dev/null", O_RDONLY), 0);
  dup2(out, 1);
  dup2(err, 2);
  execve(file.c_str(), words.data(), environment.data());
  _exit(127);
}

// Reads both pipes until they end, the limit is over, or there is too much. False: not to the end.
bool collect(Pipe& out, Pipe& err, Clock::time_point deadline, size_t most, Output& output) {
  std::array<std::pair<base::Fd*, std::string*>, 2> streams = {
      {{&out.reading, &output.out}, {&err.reading, &output.err}}};
  std::array<char, 65536> piece;
  while (out.reading.valid() || err.reading.valid()) {
    auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> waits = {{{out.reading.get(), POLLIN, 0}, {err.reading.get(), POLLIN, 0}}};
    poll(waits.data(), waits.size(), static_cast<int>(left));
    for (size_t at = 0; at < 2; ++at) {
      auto& [fd, text] = streams[at];
      if (!fd->valid() || waits[at].revents == 0) continue;
      ssize_t size = read(fd->get(), piece.data(), piece.size());
      if (size <= 0) fd->close();
      if (size > 0) text->append(piece.data(), static_cast<size_t>(size));
      if (text->size() > most) return false;
    }
  }
  return true;
}

}  // namespace

std::string find_command(const Place& place, const std::string& name) {
  auto runs = [](const std::string& path) {
    struct stat status = {};
    return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) return runs(name) ? name : "";
  // Users' paths often lack the folders of kmod's programs.
  std::string folders = place.path + (place.real() ? ":/usr/sbin:/sbin" : "");
  for (const std::string& folder : split(folders, ':'))
    if (folder.starts_with('/') && runs(folder + "/" + name)) return folder + "/" + name;
  return "";
}

Output run_command(const Place& place, const std::vector<std::string>& arguments, milliseconds limit,
                   size_t most_output) {
  Output output;
  std::string file = find_command(place, arguments[0]);
  output.absent = file.empty();
  output.why = "there is no command " + arguments[0];
  if (file.empty()) return output;
  output.why = "the command " + arguments[0] + " could not be started";
  Pipe out, err;
  if (!make(out) || !make(err)) return output;
  Clock::time_point deadline = Clock::now() + limit;
  pid_t process = fork();
  if (process == 0) become(place, file, arguments, out.writing.get(), err.writing.get());
  out.writing.close();
  err.writing.close();
  if (process < 0) return output;
  output.ran = collect(out, err, deadline, most_output, output);
  if (!output.ran) kill(process, SIGKILL);
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  output.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  output.why = output.ran ? "" : "the command " + arguments[0] + " did not answer, or answered too much";
  return output;
}

}  // namespace outboard::doctor::probes
