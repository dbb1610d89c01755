#include "exec/far/confinement.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "base/fd.h"
#include "server/state/state.h"

namespace exec {
namespace {

namespace fs = std::filesystem;

// Of the root folder, what a program has no business with. Of /run it sees what the resolver and the driver keep there.
constexpr std::array left_out = {"/home", "/root", "/tmp", "/run", "/var", "/boot", "/lost+found", "/dev"};
constexpr std::array of_run = {
    "/run/systemd/resolve",     "/run/resolvconf", "/run/NetworkManager", "/run/nscd",
    "/run/nvidia-persistenced", "/run/udev",       "/var/lib/nvidia",     "/var/cache/fontconfig",
    "/var/lib/ca-certificates"};
constexpr std::array devices = {"/dev/null",   "/dev/zero", "/dev/full",  "/dev/random", "/dev/urandom", "/dev/tty",
                                "/dev/ptmx",   "/dev/pts",  "/dev/shm",   "/dev/dri",    "/dev/kfd",     "/dev/dxg",
                                "/dev/nvidia", "/dev/fd",   "/dev/stdin", "/dev/stdout", "/dev/stderr"};

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool lies_below(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder == "/" ? folder : folder + "/");
}

// Everything below `path` but what is kept away, which Landlock can only say by naming the rest.
void add_except(const std::string& path, const std::vector<std::string>& away, std::vector<std::string>& rooms) {
  if (std::ranges::any_of(away, [&](const std::string& each) { return lies_below(path, each); })) return;
  if (std::ranges::none_of(away, [&](const std::string& each) { return lies_below(each, path); })) {
    rooms.push_back(path);
    return;
  }
  std::error_code error;
  for (const auto& each : fs::directory_iterator(path, error))
    if (!each.is_symlink(error)) add_except(each.path(), away, rooms);
}

std::string true_path(const std::string& path) {
  std::error_code error;
  const fs::path found = fs::weakly_canonical(path, error);
  return error ? path : found.string();
}

// Into a file of /proc that wants one write.
void say(const char* path, const std::string& text) {
  base::Fd file(open(path, O_WRONLY | O_CLOEXEC));
  if (write(file.get(), text.data(), text.size()) < 0)
    return;  // then there is no name for the user, which does no harm
}

// A /tmp of its own, and none of the sockets below /run/user. Where the system does not let it be done, /tmp is closed.
void make_scratch(const std::string& scratch) {
  const uid_t user = getuid(), group = getgid();
  if (unshare(CLONE_NEWNS) < 0) {
    if (unshare(CLONE_NEWNS | CLONE_NEWUSER) < 0) return;
    say("/proc/self/setgroups", "deny");
    say("/proc/self/uid_map", std::to_string(user) + " " + std::to_string(user) + " 1");
    say("/proc/self/gid_map", std::to_string(group) + " " + std::to_string(group) + " 1");
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return;
  for (const char* path : {"/tmp", "/var/tmp"}) mount(scratch.c_str(), path, nullptr, MS_BIND, nullptr);
  mount("none", "/run/user", "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=700");
}

void drop_capabilities() {
  for (int capability = 0; capability < 64; ++capability) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

}  // namespace

Confinement Confinement::of_job(const std::vector<std::string>& own, const std::vector<std::string>& libraries) {
  Confinement made;
  made.off = setting("OUTBOARD_EXEC_SANDBOX") == "off";
  std::vector<std::string> away(left_out.begin(), left_out.end());
  away.push_back(true_path(server::state_folder()));
  if (std::string home = setting("HOME"); home.size() > 1) away.push_back(true_path(home));
  add_except("/", away, made.rooms.run);
  made.rooms.run.insert(made.rooms.run.end(), of_run.begin(), of_run.end());
  made.rooms.run.insert(made.rooms.run.end(), libraries.begin(), libraries.end());
  std::istringstream more(setting("OUTBOARD_EXEC_READ"));
  for (std::string path; std::getline(more, path, ':');)
    if (path.starts_with('/')) made.rooms.run.push_back(true_path(path));
  made.rooms.work = own;
  made.rooms.work.insert(made.rooms.work.end(), devices.begin(), devices.end());
  std::error_code error;
  for (const auto& each : fs::directory_iterator("/dev", error))
    if (each.path().filename().string().starts_with("nvidia")) made.rooms.work.push_back(each.path());
  return made;
}

bool Confinement::covers(const std::string& path) const {
  const std::string at = true_path(path);
  return off || std::ranges::any_of(rooms.run, [&](const std::string& room) { return lies_below(at, room); });
}

base::Status Confinement::enter() const {
  rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (off) return base::Done{};
  server::SandboxRooms all = rooms;
  if (!scratch.empty()) {
    make_scratch(scratch);
    all.work.push_back("/tmp");
    struct stat ours {
    }, theirs{};
    const bool bound = stat(scratch.c_str(), &ours) == 0 && stat("/tmp", &theirs) == 0 && ours.st_ino == theirs.st_ino;
    if (!bound) all.work.pop_back();
    if (bound) all.work.push_back("/var/tmp");
  }
  drop_capabilities();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return base::Error{"no_new_privs is not there"};
  return server::restrict_files(all);
}

}  // namespace exec
