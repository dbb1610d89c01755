// Many clients of one server: what they get done together, and what a session costs that does nothing.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "bench/bench.h"

namespace bench {
namespace {

constexpr double run_seconds = 3;

std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> found;
  const std::string path = "/proc/" + std::to_string(process) + "/task/" + std::to_string(process) + "/children";
  std::ifstream file(path);
  for (pid_t child; file >> child;) found.push_back(child);
  return found;
}

// Megabytes of the process's memory, shared pages by their part (proc(5), smaps_rollup, "Pss").
double proportional_mb(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/smaps_rollup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("Pss:")) return std::strtod(line.c_str() + 4, nullptr) * 1024 / 1e6;
  return 0;
}

// Starts `count` of us, each with a pipe on which it says something once it is connected, and one that it waits on.
struct Crowd {
  std::vector<pid_t> processes;
  int says[2] = {-1, -1}, go[2] = {-1, -1};
};

Crowd start_crowd(const std::string& self, const std::string& library, const char* what, int count) {
  Crowd crowd;
  if (pipe(crowd.says) < 0 || pipe(crowd.go) < 0) std::exit(1);
  for (int i = 0; i < count; ++i) {
    pid_t child = fork();
    if (child == 0) {
      dup2(crowd.go[0], 0);
      dup2(crowd.says[1], 1);
      for (int end : {crowd.says[0], crowd.says[1], crowd.go[0], crowd.go[1]}) close(end);
      execl(self.c_str(), self.c_str(), what, library.c_str(), nullptr);
      _exit(127);
    }
    crowd.processes.push_back(child);
  }
  close(crowd.says[1]);
  close(crowd.go[0]);
  char ready;
  for (int i = 0; i < count; ++i)
    if (read(crowd.says[0], &ready, 1) != 1) std::fprintf(stderr, "bench: a client did not start\n"), std::exit(1);
  return crowd;
}

void end_crowd(Crowd& crowd) {
  close(crowd.go[1]);
  close(crowd.says[0]);
  for (pid_t process : crowd.processes) waitpid(process, nullptr, 0);
}

}  // namespace

double launches_per_second(const std::string& self, const std::string& library, int clients) {
  Crowd crowd = start_crowd(self, library, "--busy", clients);
  std::string start(static_cast<size_t>(clients), 'g');
  if (write(crowd.go[1], start.data(), start.size()) < 0) std::exit(1);
  uint64_t all = 0, one = 0;
  for (int i = 0; i < clients; ++i)
    if (read(crowd.says[0], &one, sizeof one) == sizeof one) all += one;
  end_crowd(crowd);
  return static_cast<double>(all) / run_seconds;
}

double idle_session_mb(const std::string& self, const std::string& library, int server) {
  constexpr int sessions = 8;
  const double before = proportional_mb(server);
  Crowd crowd = start_crowd(self, library, "--idle", sessions);
  sleep(1);
  double all = proportional_mb(server) - before;
  for (pid_t worker : children_of(server)) all += proportional_mb(worker);
  end_crowd(crowd);
  return all / sessions;
}

int be_busy(const std::string& library) {
  Launcher launcher(library);
  char word = 'r';
  if (write(1, &word, 1) != 1 || read(0, &word, 1) != 1) return 1;
  uint64_t launches = 0;
  for (const double end = seconds() + run_seconds; seconds() < end;) {
    constexpr int batch = 100;
    for (int i = 0; i < batch; ++i) launcher.launch();
    launcher.wait();
    launches += batch;
  }
  return write(1, &launches, sizeof launches) == sizeof launches ? 0 : 1;
}

int be_idle(const std::string& library) {
  Launcher launcher(library);
  launcher.launch();
  launcher.wait();
  char word = 'r';
  if (write(1, &word, 1) != 1) return 1;
  return read(0, &word, 1) < 0 ? 1 : 0;  // until nobody holds the other end
}

}  // namespace bench
