#include "reach/bootstrap/bootstrap.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "exec/near/needs.h"
#include "link/handover.h"
#include "reach/bootstrap/bundle.h"
#include "reach/bootstrap/tar.h"
#include "reach/far.h"
#include "reach/server.h"

namespace reach {
namespace {

std::string mebibytes(uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

// Why it cannot work there; empty: it can.
std::string unsuited(const Bundle& bundle, const std::string& machine) {
  std::istringstream words(machine);
  std::string system, processor, library, version;
  words >> system >> processor >> library >> version;
  if (system != "Linux" || processor != "x86_64")
    return "that machine is " + system + " " + processor + ", and this Outboard is built for Linux x86_64";
  if (library != "glibc") return "that machine's C library is not glibc, which this Outboard is built for";
  if (exec::version_less(version, bundle.glibc))
    return "this Outboard needs glibc " + bundle.glibc + ", and that machine has " + version;
  return {};
}

// On the terminal itself: standard input may be the program's.
bool agreed(const std::string& question) {
  base::Fd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (!terminal.valid()) return false;
  if (write(terminal.get(), question.data(), question.size()) < 0) return false;
  char answer[16] = {};
  ssize_t got = read(terminal.get(), answer, sizeof answer - 1);
  return got > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

// Unpacks what comes beside its place, compares every file's hash, tries the program, and moves it into place; then
// removes the copies that no version of the protocol leads to any more.
std::string install_script(const Bundle& bundle) {
  const std::string check = "sha256sum -c manifest >/dev/null 2>&1";
  return "umask 077; c=" + std::string(far_cache) + "; h=" + bundle.hash + "; mkdir -p \"$c\" || exit 1; " +
         "if (cd \"$c/$h\" 2>/dev/null && " + check + "); then " + say_mark("have") + "; else " +
         "t=$(mktemp -d \"$c/new.XXXXXX\") || exit 1; trap \"rm -rf \\\"$t\\\"\" EXIT; trap \"exit 1\" HUP INT TERM; " +
         say_mark("send") + "; tar -x -C \"$t\" -f - || exit 1; " +
         "[ \"$(sha256sum <\"$t/manifest\" | cut -c1-64)\" = $h ] && (cd \"$t\" && " + check + ") || " +
         "{ echo \"what arrived is not what was sent\" >&2; exit 1; }; " +
         "\"$t/bin/outboard\" --version >/dev/null || exit 1; " +
         "rm -rf \"$c/$h\"; mv \"$t\" \"$c/$h\" || exit 1; fi; " + "ln -sfn $h \"$c/" + protocol_name() +
         "\" || exit 1; " + "for m in \"$c\"/*/manifest; do o=${m%/manifest}; k=; " +
         "for l in \"$c\"/protocol-*; do [ \"$(readlink \"$l\")\" = \"${o##*/}\" ] && k=1; done; " +
         "[ -L \"$o\" ] || [ -n \"$k\" ] || rm -rf \"$o\"; done; " + say_mark("done");
}

Mark await_mark(int from) {
  Mark mark;
  for (char byte; mark.state() == Mark::State::searching && recv(from, &byte, 1, 0) == 1;) mark.take(byte);
  return mark;
}

base::Status send_bundle(int to, const Bundle& bundle) {
  uint64_t sent = 0, told = 0;
  const bool shows = isatty(STDERR_FILENO);
  base::Status written = write_tar(bundle, [&](std::span<const char> bytes) {
    constexpr size_t part = size_t{1} << 20;
    while (!bytes.empty()) {
      auto now = bytes.first(std::min(bytes.size(), part));
      iovec piece[] = {{const_cast<char*>(now.data()), now.size()}};
      if (!links::send_with(to, piece, {})) return false;
      bytes = bytes.subspan(now.size());
      sent += now.size();
      uint64_t percent = std::min<uint64_t>(100, sent * 100 / std::max<uint64_t>(bundle.size, 1));
      if (shows && percent != told)
        std::fprintf(stderr, "\routboard: copying: %llu %%", static_cast<unsigned long long>(told = percent));
    }
    return true;
  });
  if (shows) std::fprintf(stderr, "\n");
  shutdown(to, SHUT_WR);
  return written;
}

}  // namespace

bool wants_bootstrap() {
  const char* set = std::getenv("OUTBOARD_BOOTSTRAP");
  return set && *set;
}

void want_bootstrap(bool yes) { setenv("OUTBOARD_BOOTSTRAP", yes ? "yes" : "ask", 1); }

base::Status bootstrap(const Words& ssh, const links::Address& address, const std::string& machine) {
  Bundle bundle = TRY(make_bundle());
  if (std::string why = unsuited(bundle, machine); !why.empty())
    return base::Error{"nothing was copied to " + address.text() + ": " + why};
  const std::string what = "outboard " OUTBOARD_VERSION " (" + mebibytes(bundle.size) + ") to " + address.text() +
                           ", into ~/.cache/outboard/" + bundle.hash.substr(0, 12) + "...";
  const bool said_yes = std::strcmp(std::getenv("OUTBOARD_BOOTSTRAP"), "yes") == 0;
  if (!said_yes && !agreed("outboard: no outboard is installed there. Copy " + what + "? [y/N] "))
    return base::Error{"nothing was copied to " + address.text() + ": nobody said yes; --yes says it beforehand"};
  std::fprintf(stderr, "outboard: copying %s\n", what.c_str());
  Words command = ssh;
  command.push_back(for_any_shell(install_script(bundle)));
  Server far = TRY(Server::start(command, true));
  base::Fd socket = far.take_socket();
  Mark wanted = await_mark(socket.get());
  if (wanted.is("send")) (void)send_bundle(socket.get(), bundle).ok();  // the far side says what went wrong
  const bool done = wanted.state() == Mark::State::found && await_mark(socket.get()).is("done");
  socket.close();
  int code = far.finish();
  if (done && code == 0) return base::Done{};
  std::string words = far.last_words();
  return base::Error{"copying Outboard to " + address.text() + " failed" +
                     (words.empty() ? " (exit code " + std::to_string(code) + ")" : "; it said: " + words)};
}

}  // namespace reach
