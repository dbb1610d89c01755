// What a worker that has fallen to its client can do: a process in the worker's sandbox tries, with a victim beside it.
#include "server/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <thread>

namespace {

// A worker's child of this test process. The attempt runs in it and answers with an exit code.
class Sandbox : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/outboard-sandbox-XXXXXX";
    folder_ = mkdtemp(name);
    victim_ = fork();
    if (victim_ == 0)
      for (;;) pause();
  }
  void TearDown() override {
    EXPECT_EQ(kill(victim_, 0), 0) << "the victim was killed";
    kill(victim_, SIGKILL);
    waitpid(victim_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  // 0 when `attempt` gives true inside.
  int inside(const std::function<bool()>& attempt) {
    pid_t child = fork();
    if (child == 0) {
      base::Status entered = server::enter_sandbox({{"/proc/cpuinfo"}, {folder_}});
      if (!entered) {
        fprintf(stderr, "%s\n", entered.error().c_str());
        _exit(2);
      }
      try {
        _exit(attempt() ? 0 : 1);
      } catch (const std::system_error&) {
        _exit(3);
      }
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  static bool refused(long result) { return result < 0 && (errno == EPERM || errno == EACCES); }

  std::string folder_;
  pid_t victim_ = 0;
};

TEST_F(Sandbox, OpensNoFile) {
  for (const char* path :
       {"/etc/passwd", "/etc/hostname", "/", "/root", "/proc/self/mem", "/dev/zero", "/proc/1/environ"})
    EXPECT_EQ(inside([&] { return refused(open(path, O_RDONLY)); }), 0) << path;
  EXPECT_EQ(inside([&] { return refused(open("/tmp/outboard-escaped", O_RDWR | O_CREAT, 0600)); }), 0);
  EXPECT_EQ(inside([&] { return refused(open((folder_ + "/../escaped").c_str(), O_RDWR | O_CREAT, 0600)); }), 0);
  EXPECT_EQ(inside([&] { return refused(symlink("/etc/passwd", (folder_ + "/link").c_str())); }), 0);
  EXPECT_EQ(inside([&] { return refused(link("/etc/passwd", (folder_ + "/link").c_str())); }), 0);
  EXPECT_EQ(inside([&] { return refused(chmod(folder_.c_str(), 0777)); }), 0);
  EXPECT_EQ(inside([&] { return refused(unlink("/etc/hostname")); }), 0);
}

TEST_F(Sandbox, OpensNoSocket) {
  for (int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET})
    EXPECT_EQ(inside([&] { return refused(socket(family, SOCK_STREAM, 0)); }), 0) << family;
  int given = socket(AF_INET, SOCK_STREAM, 0);  // even one that it had
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(22);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(inside([&] { return refused(connect(given, reinterpret_cast<sockaddr*>(&at), sizeof at)); }), 0);
  EXPECT_EQ(inside([&] { return refused(bind(given, reinterpret_cast<sockaddr*>(&at), sizeof at)); }), 0);
  EXPECT_EQ(inside([&] { return refused(listen(given, 1)); }), 0);
  close(given);
  int pair[2];
  EXPECT_EQ(inside([&] { return refused(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)); }), 0);
}

TEST_F(Sandbox, ReachesNoOtherWorker) {
  const std::string proc = "/proc/" + std::to_string(victim_);
  char byte = 0;
  iovec mine{&byte, 1}, theirs{&victim_, 1};
  EXPECT_EQ(inside([&] { return refused(process_vm_readv(victim_, &mine, 1, &theirs, 1, 0)); }), 0);
  EXPECT_EQ(inside([&] { return refused(process_vm_writev(victim_, &mine, 1, &theirs, 1, 0)); }), 0);
  EXPECT_EQ(inside([&] { return refused(ptrace(PTRACE_ATTACH, victim_, 0, 0)); }), 0);
  EXPECT_EQ(inside([&] { return refused(open((proc + "/mem").c_str(), O_RDWR)); }), 0);
  EXPECT_EQ(inside([&] { return refused(open((proc + "/fd/0").c_str(), O_RDONLY)); }), 0);
  EXPECT_EQ(inside([&] { return refused(open((proc + "/maps").c_str(), O_RDONLY)); }), 0);
  for (int signal : {SIGKILL, SIGTERM, SIGSTOP})
    EXPECT_EQ(inside([&] { return refused(kill(victim_, signal)); }), 0) << signal;
  EXPECT_EQ(inside([&] { return refused(kill(getppid(), SIGTERM)); }), 0);
  EXPECT_EQ(inside([&] { return refused(syscall(SYS_tgkill, victim_, victim_, SIGKILL)); }), 0);
  EXPECT_EQ(inside([&] { return refused(syscall(SYS_pidfd_open, victim_, 0)); }), 0);
  rlimit none{0, 0};
  EXPECT_EQ(inside([&] { return refused(prlimit(victim_, RLIMIT_CPU, &none, nullptr)); }), 0);
  EXPECT_EQ(inside([&] { return refused(setpriority(PRIO_PROCESS, static_cast<id_t>(victim_), 19)); }), 0);
}

TEST_F(Sandbox, StartsNoProgramAndNoSpaceOfItsOwn) {
  EXPECT_EQ(inside([] {
              char* none[] = {nullptr};
              return refused(execve("/bin/true", none, none));
            }),
            0);
  EXPECT_EQ(inside([] { return refused(syscall(SYS_unshare, 0x10000000)); }), 0);
  EXPECT_EQ(inside([] { return refused(syscall(SYS_clone, 0x10000000 | SIGCHLD, 0, 0, 0, 0)); }), 0);
  for (long call : {SYS_mount, SYS_bpf, SYS_io_uring_setup, SYS_keyctl, SYS_perf_event_open, SYS_userfaultfd,
                    SYS_setuid, SYS_chroot, SYS_personality, SYS_shmget, SYS_msgget, SYS_init_module, SYS_reboot})
    EXPECT_EQ(inside([&] { return refused(syscall(call, 0, 0, 0, 0, 0)); }), 0) << call;
}

// What the software GPU needs.
TEST_F(Sandbox, LeavesRoomToWork) {
  EXPECT_EQ(inside([&] {
              int file = open((folder_ + "/new").c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
              return file >= 0 && write(file, "x", 1) == 1 &&
                     rename((folder_ + "/new").c_str(), (folder_ + "/kernel").c_str()) == 0 &&
                     unlink((folder_ + "/kernel").c_str()) == 0;
            }),
            0);
  EXPECT_EQ(inside([] { return open("/proc/cpuinfo", O_RDONLY) >= 0 && open("/dev/null", O_RDWR) >= 0; }), 0);
  EXPECT_EQ(inside([] {
              int memory = memfd_create("m", MFD_CLOEXEC);
              if (memory < 0 || ftruncate(memory, 4096) != 0) return false;
              void* at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
              void* code = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return at != MAP_FAILED && mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0;
            }),
            0);
  EXPECT_EQ(inside([] {
              bool ran = false;
              std::thread([&] { ran = true; }).join();
              int ends[2];
              if (!ran || pipe(ends) != 0) return false;
              pid_t child = fork();
              if (child == 0) _exit(write(ends[1], "y", 1) == 1 ? 0 : 1);
              int status = 1;
              char byte = 0;
              return waitpid(child, &status, 0) == child && status == 0 && read(ends[0], &byte, 1) == 1;
            }),
            0);
}

}  // namespace
