#include "cli/place.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>

#include "base/fd.h"
#include "cli/place_work.h"
#include "server/lease.h"

namespace cli {
namespace {

struct PlaceOptions {
  std::string file;
  int seconds = 0;
};

constexpr int first_seconds = 60;  // that the keeper may take to come after the job's start

// The job's own script: the job ends when the lease does.
int hold(const PlaceOptions& options) {
  for (int waited = 0; access(options.file.c_str(), F_OK) != 0; ++waited) {
    if (waited == first_seconds * 10) return fail("nobody came to keep this place");
    poll(nullptr, 0, 100);
  }
  auto lease = server::Lease::take("file:" + options.file + "," + std::to_string(options.seconds));
  if (!lease) return fail(lease.error());
  while (lease.value().held()) poll(nullptr, 0, 200);
  return 0;
}

// As if the file had been touched when our clock showed `then_ns`.
bool renew(int file, int64_t then_ns) {
  constexpr int64_t second = 1'000'000'000;
  timespec today{};
  clock_gettime(CLOCK_REALTIME, &today);
  const int64_t at = today.tv_sec * second + today.tv_nsec - (server::Lease::now_ns() - then_ns);
  const timespec times[] = {{at / second, at % second}, {at / second, at % second}};
  return futimens(file, times) == 0;
}

bool say(int64_t clock) {
  const std::string line = std::to_string(clock) + "\n";
  return write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

// Renews the lease with every heartbeat, by the clock that it sends back. A number that we never sent renews nothing.
int beat(const PlaceOptions& options, int file) {
  int64_t sent = server::Lease::now_ns(), renewed = sent;
  if (!renew(file, sent) || !say(sent)) return 1;
  std::string line;
  for (;;) {
    pollfd waiting{STDIN_FILENO, POLLIN, 0};
    const int64_t left = options.seconds * int64_t{1'000'000'000} - (server::Lease::now_ns() - renewed);
    if (left <= 0) return fail("the lease was not renewed: the client is gone, or cannot be reached");
    if (poll(&waiting, 1, static_cast<int>(left / 1'000'000) + 1) <= 0) continue;
    char byte;
    if (read(STDIN_FILENO, &byte, 1) != 1) return 0;
    if (byte != '\n') {
      if (line.size() < 24) line += byte;
      continue;
    }
    int64_t clock = 0;
    auto end = std::from_chars(line.data(), line.data() + line.size(), clock);
    if (end.ec == std::errc() && clock > renewed && clock <= sent && renew(file, clock)) renewed = clock;
    line.clear();
    if (!say(sent = server::Lease::now_ns())) return 0;
  }
}

int keep(const PlaceOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  base::Status folder = own_folder(options.file);
  if (!folder) return fail(folder.error());
  base::Fd file(open(options.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail("cannot make " + options.file + ": " + std::strerror(errno));
  const int code = beat(options, file.get());
  unlink(options.file.c_str());  // and the servers end at once
  return code;
}

}  // namespace

base::Status own_folder(const std::string& file) {
  const auto folder = std::filesystem::path(file).parent_path();
  if (mkdir(folder.c_str(), 0700) < 0 && errno != EEXIST)
    return base::Error{"cannot make " + folder.string() + ": " + std::strerror(errno)};
  struct stat facts {};
  if (lstat(folder.c_str(), &facts) < 0 || !S_ISDIR(facts.st_mode) || facts.st_uid != getuid())
    return base::Error{folder.string() + " is not a folder of this user's"};
  return base::Done{};
}

void add_place(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<PlaceOptions>();
  auto* place = app.add_subcommand("place", "Hold a place on a cluster's node")->group("");
  auto* holding = place->add_subcommand("hold", "End when the lease does");
  auto* keeping = place->add_subcommand("keep", "Renew the lease with a heartbeat");
  place->require_subcommand(1);
  for (auto* each : {holding, keeping}) {
    each->add_option("file", options->file, "The lease")->required();
    each->add_option("seconds", options->seconds, "Its length")->required()->check(CLI::Range(1, 3600));
  }
  add_place_work(*place, commands);
  commands.emplace_back(place, [options, holding] { return *holding ? hold(*options) : keep(*options); });
}

}  // namespace cli
