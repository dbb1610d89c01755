// Landlock says which files (landlock(7)), seccomp which system calls (seccomp(2)), rlimits how much. Each holds what
// the others do not: Landlock knows no sockets before ABI 4 and no processes, seccomp no paths.
#include "server/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace server {
namespace {

constexpr rlim_t most_descriptors = 8192;  // each cuMemCreate has one

// --- files

constexpr uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t writing =
    reading | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
constexpr uint64_t everything_of_abi_1 = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
constexpr uint64_t of_a_file = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
// Later than Debian 12's header.
constexpr uint64_t refer = uint64_t{1} << 13, truncate_files = uint64_t{1} << 14;
constexpr uint64_t bind_tcp = 1, connect_tcp = 2, scope_sockets = 1, scope_signals = 2;
struct Ruleset {  // struct landlock_ruleset_attr of ABI 6
  uint64_t handled_access_fs, handled_access_net, scoped;
};

base::Error lacking(const char* what) { return base::Error{std::string(what) + ": " + std::strerror(errno)}; }

void allow(int ruleset, const std::string& path, uint64_t access) {
  base::Fd at(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!at.valid() || fstat(at.get(), &status) != 0) return;  // what does not exist needs no permission
  landlock_path_beneath_attr rule{};
  rule.allowed_access =
      S_ISDIR(status.st_mode) ? access : access & (of_a_file | LANDLOCK_ACCESS_FS_EXECUTE | truncate_files);
  rule.parent_fd = at.get();
  syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

// --- system calls

// What the C and C++ libraries, LLVM and the software GPU use; everything else answers EPERM.
constexpr int allowed[] = {
    // descriptors that are there, and memory files
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(close),
    SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fcntl), SCMP_SYS(lseek),
    SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2),
    SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fsync),
    // files, as far as Landlock lets it
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename),
    SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(utimensat), SCMP_SYS(getcwd), SCMP_SYS(umask), SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    // memory
    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(mincore), SCMP_SYS(msync), SCMP_SYS(mlock), SCMP_SYS(munlock), SCMP_SYS(membarrier), SCMP_SYS(pkey_alloc),
    SCMP_SYS(pkey_mprotect),
    // threads, the compiling child and its own signals
    SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address), SCMP_SYS(arch_prctl), SCMP_SYS(futex), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(exit),
    SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigsuspend), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall), SCMP_SYS(alarm), SCMP_SYS(setitimer), SCMP_SYS(pause),
    // the time, and what it is itself
    SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrusage), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname),
    SCMP_SYS(sysinfo), SCMP_SYS(getrandom), SCMP_SYS(getrlimit)};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {}
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  template <class... Conditions>
  void add(int call, Conditions... conditions) {
    good_ = good_ && context_ &&
            seccomp_rule_add(context_, SCMP_ACT_ALLOW, call, sizeof...(conditions), conditions...) == 0;
  }
  // For a call whose arguments lie in memory, where no filter sees them: libraries use another one then.
  void deny_existence(int call) {
    good_ = good_ && context_ && seccomp_rule_add(context_, SCMP_ACT_ERRNO(ENOSYS), call, 0) == 0;
  }
  bool load() { return good_ && seccomp_load(context_) == 0; }

 private:
  scmp_filter_ctx context_;
  bool good_ = true;
};

base::Status restrict_calls(const SandboxRooms& rooms) {
  Filter filter;
  for (int call : allowed) filter.add(call);
  for (int call : rooms.calls) filter.add(call);
  // No namespaces: they would bring a file system and a network of their own.
  constexpr uint64_t spaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                              CLONE_NEWCGROUP | CLONE_PTRACE;
  filter.add(SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, spaces, 0));
  filter.deny_existence(SCMP_SYS(clone3));
  // Signals to its own threads, and of others at most the question whether they live.
  const auto self = static_cast<scmp_datum_t>(getpid());
  filter.add(SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self));
  filter.add(SCMP_SYS(rt_tgsigqueueinfo), SCMP_A0(SCMP_CMP_EQ, self));
  filter.add(SCMP_SYS(kill), SCMP_A1(SCMP_CMP_EQ, 0));
  // Its own limits, to look at; its own name and fate, nothing else of prctl.
  filter.add(SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
  for (int option : {PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_SET_VMA})
    filter.add(SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(option)));
  // Terminals are asked whether they are some; nothing is typed into them (TIOCSTI).
  for (unsigned request : {0x5401u /* TCGETS */, 0x541Bu /* FIONREAD */})
    filter.add(SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, request));
  for (const SandboxRooms::Ioctl& each : rooms.requests)
    filter.add(SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, each.mask, each.value));
  if (!filter.load()) return lacking("seccomp takes no filter");
  return base::Done{};
}

void limit(int what, rlim_t most) {
  rlimit now{};
  getrlimit(static_cast<__rlimit_resource>(what), &now);
  rlimit wanted{std::min(most, now.rlim_max), std::min(most, now.rlim_max)};
  setrlimit(static_cast<__rlimit_resource>(what), &wanted);
}

}  // namespace

base::Status restrict_files(const SandboxRooms& rooms, bool network) {
  long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return lacking("this system has no Landlock");
  Ruleset wanted{everything_of_abi_1, 0, 0};
  if (abi >= 2) wanted.handled_access_fs |= refer;
  if (abi >= 3) wanted.handled_access_fs |= truncate_files;
  if (abi >= 4 && !network) wanted.handled_access_net = bind_tcp | connect_tcp;
  if (abi >= 6) wanted.scoped = scope_sockets | scope_signals;
  const size_t size = abi >= 6 ? sizeof wanted : abi >= 4 ? 16 : 8;
  base::Fd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &wanted, size, 0)));
  if (!ruleset.valid()) return lacking("no Landlock rules can be made");
  for (const std::string& path : rooms.read) allow(ruleset.get(), path, reading);
  for (const std::string& path : rooms.write) allow(ruleset.get(), path, writing | (abi >= 3 ? truncate_files : 0));
  for (const std::string& path : rooms.run) allow(ruleset.get(), path, reading | LANDLOCK_ACCESS_FS_EXECUTE);
  for (const std::string& path : rooms.work) allow(ruleset.get(), path, wanted.handled_access_fs);
  allow(ruleset.get(), "/dev/null", of_a_file);
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return lacking("Landlock does not take its rules");
  return base::Done{};
}

base::Status enter_sandbox(const SandboxRooms& rooms) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, most_descriptors);
  if (!rooms.locks_memory) limit(RLIMIT_MEMLOCK, 64 << 10);
  limit(RLIMIT_MSGQUEUE, 0);
  limit(RLIMIT_RTPRIO, 0);
  limit(RLIMIT_NICE, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return lacking("no_new_privs");
  // Another process of this user must not look into this one, which may hold another client's data.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  TRY(restrict_files(rooms, false));
  return restrict_calls(rooms);
}

}  // namespace server
