#include "link/helper.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "link/handover.h"

extern char** environ;

namespace links {
namespace {

base::Error failed(const char* what) { return base::Error{std::string(what) + ": " + std::strerror(errno)}; }

// By a shell that ends at once, so that the helper is no child of the program, whose wait() would otherwise see it. The
// shell keeps interrupts from the helper, as it does from everything in the background (POSIX.1-2017, Shell Command
// Language, 2.11): they are the program's.
base::Status spawn(int theirs, const Address& address, bool ask) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs, 3);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  std::string shell = "sh", option = "-c", script = "unset LD_PRELOAD; \"$0\" \"$@\" &", program = outboard_program(),
              verb = "reach", target = address.text(), how = "--ask";
  char* arguments[] = {shell.data(),
                       option.data(),
                       script.data(),
                       program.data(),
                       verb.data(),
                       target.data(),
                       ask ? how.data() : nullptr,
                       nullptr};
  pid_t child = 0;
  int error = posix_spawn(&child, "/bin/sh", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error) return base::Error{std::string("cannot start a process: ") + std::strerror(error)};
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return base::Done{};
}

}  // namespace

std::string outboard_program() {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (self.filename() == "outboard") return self;
  Dl_info about{};
  if (dladdr(reinterpret_cast<void*>(&outboard_program), &about) && about.dli_fname) {
    fs::path folder = fs::absolute(about.dli_fname, error).parent_path();
    for (int up = 0; up < 4 && folder.has_relative_path(); ++up, folder = folder.parent_path())
      if (fs::exists(folder / "bin/outboard", error)) return folder / "bin/outboard";
  }
  return "outboard";
}

base::Result<Started> start(const Address& address, bool ask) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return failed("no socket can be made");
  base::Fd ours(ends[0]), theirs(ends[1]);
  TRY(spawn(theirs.get(), address, ask));
  theirs.close();
  HelperMessage message{};
  std::vector<base::Fd> received;
  ssize_t got = receive_with(ours.get(), &message, sizeof message, received);
  if (got == sizeof message && message.kind == HelperMessage::failed)
    return base::Error{std::string(message.text, strnlen(message.text, sizeof message.text))};
  if (got != sizeof message || message.kind != HelperMessage::started || received.size() != 1)
    return base::Error{"cannot start a server at " + address.text() + ": `" + outboard_program() +
                       " reach` did not run; is Outboard installed whole?"};
  return Started{Link(std::move(received[0])), std::move(ours), message.generation};
}

}  // namespace links
