// Device nodes: type, numbers, mode, owner, and how opening them went. The error tells the neighbours apart: EACCES is
// the mode (or SELinux), EPERM the device cgroup, ENXIO and ENODEV a number that no driver has.
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/fd.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

constexpr std::array folders = {"/dev", "/dev/dri", "/dev/accel", "/dev/vfio", "/dev/nvidia-caps"};
constexpr std::array names = {"nvidia*", "dxg",    "kfd",  "card*",       "renderD*", "nvhost-*",
                              "nvmap",   "accel*", "vfio", "nvidia-cap*", "nvgpu*"};

char type_of(mode_t mode) { return S_ISCHR(mode) ? 'c' : S_ISBLK(mode) ? 'b' : S_ISREG(mode) ? '-' : '?'; }

void say_node(const Place& place, const std::string& path, Sink& sink) {
  std::string real = below(place, path), key = "n:" + path;
  struct stat status = {};
  if (real.empty() || stat(real.c_str(), &status) != 0)
    return sink.unknown(key, error_sentence(real.empty() ? ELOOP : errno));
  if (S_ISDIR(status.st_mode)) return;
  std::array<char, 64> numbers;
  std::snprintf(numbers.data(), numbers.size(), "%c %u:%u %04o ", type_of(status.st_mode), major(status.st_rdev),
                minor(status.st_rdev), status.st_mode & 07777);
  std::string text = numbers.data() + name_of(place, "/etc/passwd", status.st_uid) + ":" +
                     name_of(place, "/etc/group", status.st_gid) + " open=";
  sink.set(key, text + "timeout");  // stays when the driver never answers
  base::Fd file(open(real.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  sink.set(key, text + (file.valid() ? "ok" : error_name(errno)));
}

}  // namespace

std::string name_of(const Place& place, const std::string& file, unsigned number) {
  Reading reading = read(place, file, 4 << 20);
  for (const std::string& line : lines(reading.text)) {
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(second + 1, line.find(':', second + 1) - second - 1) == std::to_string(number))
      return as_text(line.substr(0, first));
  }
  return std::to_string(number);
}

void probe_nodes(const Place& place, Sink& sink) {
  for (const char* folder : folders) {
    Listing listing = list(place, folder);
    if (listing.state == State::unreadable) sink.unknown("n:" + std::string(folder) + "/*", listing.why);
    for (const std::string& name : listing.names)
      for (const char* pattern : names)
        if (fnmatch(pattern, name.c_str(), 0) == 0) {
          say_node(place, std::string(folder) + "/" + name, sink);
          break;
        }
  }
}

}  // namespace outboard::doctor::probes
