#include "device/software/codegen/background.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "device/software/run/faults.h"

namespace software {
namespace {

constexpr unsigned most_seconds = 600;  // that a child may take
// Of the processor's time. LLVM's time grows with the square of a kernel's size: what takes longer stays as steps, and
// other kernels have their turn.
constexpr unsigned most_processor_seconds = 60;

// The child has the program's descriptors: whoever reads from the other end of one must not wait for it.
void leave_descriptors(int except) {
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int standard = 0; standard < 3; ++standard)
    if (nothing >= 0) dup2(nothing, standard);
  close_range(3, static_cast<unsigned>(except) - 1, 0);
  close_range(static_cast<unsigned>(except) + 1, ~0u, 0);
}

[[noreturn]] void be_the_child(int end, const std::function<std::string()>& make) {
  leave_descriptors(end);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGALRM, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  alarm(most_seconds);
  const rlimit most{most_processor_seconds, most_processor_seconds};
  setrlimit(RLIMIT_CPU, &most);
  std::string made = make();
  for (size_t at = 0; at < made.size();) {
    ssize_t count = write(end, made.data() + at, made.size() - at);
    if (count <= 0) break;
    at += static_cast<size_t>(count);
  }
  _exit(0);
}

std::string read_all(int end) {
  std::string bytes;
  char piece[1 << 16];
  for (;;) {
    ssize_t count = read(end, piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return bytes;
    bytes.append(piece, static_cast<size_t>(count));
  }
}

// False: there can be no child.
bool make_in_a_child(const std::function<std::string()>& make, std::string& made) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  pid_t child;
  {
    std::unique_lock alone(compiler_in_use());
    child = fork();
  }
  if (child == 0) be_the_child(ends[1], make);
  close(ends[1]);
  if (child > 0) made = read_all(ends[0]);
  close(ends[0]);
  if (child > 0) waitpid(child, nullptr, 0);  // the program may have waited for it already
  return child > 0;
}

struct Task {
  std::function<std::string()> make;
  std::function<void(const std::string&)> take;
};

class Queue {
 public:
  static Queue& the() {
    static auto* queue = new Queue;  // its thread outlives every destructor
    return *queue;
  }

  void add(Task task) {
    std::lock_guard hold(lock_);
    if (ending_) return;
    if (!started_) start();
    tasks_.push_back(std::move(task));
    changed_.notify_all();
  }

 private:
  void start() {
    started_ = true;
    std::thread([this] { work(); }).detach();
    std::atexit([] { the().end(); });
  }

  void work() {
    prepare_kernel_thread();  // signals are for the program's own threads
    for (;;) {
      Task task = next();
      std::string made;
      if (!make_in_a_child(task.make, made))
        base::log(base::Level::warn, "no process can be started to compile kernels");
      if (!begin_taking()) return;
      task.take(made);
      task = {};
      std::lock_guard hold(lock_);
      taking_ = false;
      changed_.notify_all();
    }
  }

  Task next() {
    std::unique_lock hold(lock_);
    changed_.wait(hold, [&] { return !tasks_.empty(); });
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

  // What is made is loaded, which must not happen while the process takes itself apart.
  bool begin_taking() {
    std::lock_guard hold(lock_);
    return taking_ = !ending_;
  }

  void end() {
    std::unique_lock hold(lock_);
    ending_ = true;
    tasks_.clear();
    changed_.wait(hold, [&] { return !taking_; });
  }

  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool started_ = false, taking_ = false, ending_ = false;
};

}  // namespace

std::shared_mutex& compiler_in_use() {
  static auto* lock = new std::shared_mutex;
  return *lock;
}

void compile_in_background(std::function<std::string()> make, std::function<void(const std::string&)> take) {
  Queue::the().add({std::move(make), std::move(take)});
}

}  // namespace software
