#include "cli/checked.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace cli {
namespace {

// Where the driver libraries of the child's processes leave a line each.
class Report {
 public:
  Report() {
    std::error_code error;
    name_ = (std::filesystem::temp_directory_path(error) / "outboard-check-XXXXXX").string();
    int descriptor = mkstemp(name_.data());
    if (descriptor >= 0) close(descriptor);
    exists_ = descriptor >= 0;
  }
  ~Report() {
    if (exists_) unlink(name_.c_str());
  }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  bool exists() const { return exists_; }
  const char* name() const { return name_.c_str(); }

  struct Sum {
    uint64_t began = 0, ended = 0, errors = 0;
  };
  Sum read() const {
    Sum sum;
    std::ifstream lines(name_);
    for (std::string word; lines >> word;) {
      uint64_t errors = 0;
      if (word == "began") ++sum.began;
      if (word == "found" && lines >> errors) ++sum.ended, sum.errors += errors;
    }
    return sum;
  }

 private:
  std::string name_;
  bool exists_ = false;
};

volatile pid_t child = 0;

// The terminal sends its signals to the child as well; others are meant for it.
void pass_on(int signal) {
  if (child > 0) kill(child, signal);
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

void summarise(const Report::Sum& sum) {
  const char* margin = "=========";
  if (sum.began == 0) std::fprintf(stderr, "%s the program used no GPU: nothing was checked\n", margin);
  if (sum.ended < sum.began)
    std::fprintf(stderr, "%s %llu of its processes ended before the checks did\n", margin,
                 static_cast<unsigned long long>(sum.began - sum.ended));
  std::fprintf(stderr, "%s ERROR SUMMARY: %llu error%s\n", margin, static_cast<unsigned long long>(sum.errors),
               sum.errors == 1 ? "" : "s");
}

}  // namespace

int run_checked(char* const* arguments, int on_errors) {
  Report report;
  if (!report.exists()) {
    std::fprintf(stderr, "outboard: no file for the checks' results can be made: %s\n", std::strerror(errno));
    return 2;
  }
  setenv("OUTBOARD_CHECK_REPORT", report.name(), 1);
  child = fork();
  if (child < 0) {
    std::fprintf(stderr, "outboard: cannot start the program: %s\n", std::strerror(errno));
    return 126;
  }
  if (child == 0) {
    execvp(arguments[0], arguments);
    int reason = errno;
    std::fprintf(stderr, "outboard: cannot run %s: %s\n", arguments[0], std::strerror(reason));
    _exit(reason == ENOENT ? 127 : 126);
  }
  for (int signal : {SIGINT, SIGQUIT}) std::signal(signal, SIG_IGN);
  for (int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, pass_on);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const Report::Sum sum = report.read();
  summarise(sum);
  return sum.errors ? on_errors : code_of(status);
}

}  // namespace cli
