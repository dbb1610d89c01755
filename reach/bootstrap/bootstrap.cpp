#include "reach/bootstrap/bootstrap.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "exec/near/needs.h"
#include "reach/bootstrap/bundle.h"
#include "reach/bootstrap/copying.h"
#include "reach/far.h"

namespace reach {
namespace {

constexpr int look_ms = 200;

std::string mebibytes(uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

std::string described(const Bundle& bundle) { return "outboard " OUTBOARD_VERSION " (" + mebibytes(bundle.size) + ")"; }

std::string folder_of(const Bundle& bundle) { return "~/.cache/outboard/" + bundle.hash.substr(0, 12) + "..."; }

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
base::Result<bool> answered_yes(const std::string& question, const Meanwhile& meanwhile) {
  base::Fd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (!terminal.valid() || write(terminal.get(), question.data(), question.size()) < 0) return false;
  for (;;) {
    pollfd asked{terminal.get(), POLLIN, 0};
    const int ready = poll(&asked, 1, look_ms);
    TRY(meanwhile());
    if (ready <= 0) continue;
    char answer[16] = {};
    const ssize_t got = read(terminal.get(), answer, sizeof answer - 1);
    return got > 0 && (answer[0] == 'y' || answer[0] == 'Y');
  }
}

base::Status agree(const std::string& where, const std::string& question, const Meanwhile& meanwhile) {
  if (std::strcmp(std::getenv("OUTBOARD_BOOTSTRAP"), "yes") == 0) return base::Done{};
  if (!TRY(answered_yes("outboard: " + question + "? [y/N] ", meanwhile)))
    return base::Error{"nothing was copied to " + where + ": nobody said yes; --yes says it beforehand"};
  want_bootstrap(true);
  return base::Done{};
}

// Unpacks what comes beside its place, compares every file's hash, tries the program, and moves it into place, where
// somebody else may have come first: a cluster's home is often shared. Then it removes what was left half-done a day
// ago, and the copies that no version of the protocol leads to any more, once whoever used them has had a week.
std::string install_script(const Bundle& bundle) {
  const std::string good = "(cd \"$c/$h\" 2>/dev/null && sha256sum -c manifest >/dev/null 2>&1)";
  return "umask 077; c=" + std::string(far_cache) + "; h=" + bundle.hash + "; mkdir -p \"$c\" || exit 1; " + "if " +
         good + "; then " + say_mark("have") + "; else " + "t=$(mktemp -d \"" + std::string(half_done) +
         ".XXXXXX\") || exit 1; trap \"rm -rf \\\"$t\\\"\" EXIT; trap \"exit 1\" HUP INT TERM; " + say_mark("send") +
         "; tar -x -C \"$t\" -f - || exit 1; " + "[ \"$(sha256sum <\"$t/manifest\" | cut -c1-64)\" = $h ] && " +
         "(cd \"$t\" && sha256sum -c manifest >/dev/null 2>&1) || " +
         "{ echo \"what arrived is not what was sent\" >&2; exit 1; }; " +
         "\"$t/bin/outboard\" --version >/dev/null || exit 1; " + good +
         " || { rm -rf \"$c/$h\"; mv -T \"$t\" \"$c/$h\"; } || " + good + " || exit 1; fi; " + "ln -sfn $h \"$c/" +
         protocol_name() + "\" || exit 1; " + "for m in \"$c\"/*/manifest; do o=${m%/manifest}; k=; " +
         "for l in \"$c\"/protocol-*; do [ \"$(readlink \"$l\")\" = \"${o##*/}\" ] && k=1; done; " +
         "[ -L \"$o\" ] || [ -n \"$k\" ] || find \"$o\" -maxdepth 0 -mtime +7 -exec rm -rf {} +; done; " +
         "find \"$c\" -maxdepth 1 -name \"new.*\" -mtime +0 -exec rm -rf {} +; " + say_mark("done");
}

// Whether the script says that it is done.
base::Result<bool> converse(Copying& copying, const FarShell& shell, const Bundle& bundle) {
  const Mark wanted = TRY(copying.await_mark());
  if (wanted.is("send")) {
    std::fprintf(stderr, "outboard: copying %s to %s, into %s\n", described(bundle).c_str(), shell.name.c_str(),
                 folder_of(bundle).c_str());
    TRY(copying.send(bundle));
  }
  return wanted.state() == Mark::State::found && TRY(copying.await_mark()).is("done");
}

base::Status copy(const FarShell& shell, const Bundle& bundle, const Meanwhile& meanwhile) {
  Server far = TRY(start(shell, install_script(bundle), true));
  Copying copying(far, meanwhile);
  const auto done = converse(copying, shell, bundle);
  copying.close();  // where it stops in the middle the script learns so, and takes away what came
  const int code = far.finish();
  if (!done) return base::Error{done.error()};
  if (done.value() && code == 0) return base::Done{};
  const std::string words = far.last_words();
  return base::Error{"copying Outboard to " + shell.name + " failed" +
                     (words.empty() ? " (exit code " + std::to_string(code) + ")" : "; it said: " + words)};
}

}  // namespace

bool wants_bootstrap() {
  const char* set = std::getenv("OUTBOARD_BOOTSTRAP");
  return set && *set;
}

void want_bootstrap(bool yes) { setenv("OUTBOARD_BOOTSTRAP", yes ? "yes" : "ask", 1); }

base::Status bootstrap(const FarShell& shell, const std::string& machine, const Meanwhile& meanwhile) {
  const Bundle bundle = TRY(make_bundle());
  if (const std::string why = unsuited(bundle, machine); !why.empty())
    return base::Error{"nothing was copied to " + shell.name + ": " + why};
  TRY(agree(
      shell.name,
      "no outboard is installed there. Copy " + described(bundle) + " to " + shell.name + ", into " + folder_of(bundle),
      meanwhile));
  return copy(shell, bundle, meanwhile);
}

base::Status agree_beforehand(const std::string& where, const Meanwhile& meanwhile) {
  if (std::strcmp(std::getenv("OUTBOARD_BOOTSTRAP"), "yes") == 0) return base::Done{};
  const Bundle bundle = TRY(make_bundle());
  return agree(
      where,
      "copy " + described(bundle) + " to the node of " + where + ", into " + folder_of(bundle) + ", if none is there",
      meanwhile);
}

}  // namespace reach
