#include "desktop/keeper/display.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "desktop/capture/x11.h"
#include "desktop/keeper/child.h"

namespace desktop {
namespace {

struct Kind {
  const char* name;
  bool resizable;
  std::vector<std::string> arguments;
};

// Neither listens on TCP. Xvnc's own protocol is left without a port; its socket lies in the session's private folder.
std::vector<Kind> kinds(const ServeOptions& options, const std::string& folder) {
  const std::string size = to_text(options.size);
  std::vector<std::string> vnc = {"-geometry",
                                  size,
                                  "-depth",
                                  "24",
                                  "-rfbport",
                                  "-1",
                                  "-rfbunixpath",
                                  folder + "/vnc",
                                  "-SecurityTypes",
                                  "None",
                                  "-AlwaysShared",
                                  "-desktop",
                                  "outboard",
                                  "-s",
                                  "0"};
  return {{"Xvnc", true, vnc},
          {"Xvfb", false, {"-screen", "0", size + "x24", "+extension", "GLX", "+extension", "RANDR", "-s", "0"}}};
}

// One cookie for every display and host (Xau, FamilyWild): the file is this session's alone.
base::Result<std::string> make_authority(const std::string& folder) {
  uint8_t cookie[16];
  if (getrandom(cookie, sizeof cookie, 0) != sizeof cookie) return base::Error{"no random numbers"};
  std::string bytes = {'\xff', '\xff'};
  auto add = [&](const std::string& text) {
    bytes += static_cast<char>(text.size() >> 8);
    bytes += static_cast<char>(text.size());
    bytes += text;
  };
  add("");  // address
  add("");  // display number
  add("MIT-MAGIC-COOKIE-1");
  add(std::string(reinterpret_cast<char*>(cookie), sizeof cookie));
  const std::string path = folder + "/Xauthority";
  base::Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid() || write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return base::Error{"cannot write " + path + ": is the disk full?"};
  return path;
}

// A server of this kind that takes a render node draws with the GPU (TigerVNC from 1.14, DRI3).
void add_render_node(Kind& kind) {
  if (std::string(kind.name) != "Xvnc") return;
  std::error_code error;
  for (const auto& each : std::filesystem::directory_iterator("/dev/dri", error)) {
    const std::string node = each.path().string();
    if (node.find("renderD") == node.npos || access(node.c_str(), R_OK | W_OK) != 0) continue;
    ChildOptions help;
    help.command = {"Xvnc", "-help"};
    auto text = ask_program(help, std::chrono::seconds(3));
    const std::string said = text ? text.value() : text.error();
    if (said.find("renderNode") == said.npos && said.find("rendernode") == said.npos) return;
    kind.arguments.insert(kind.arguments.end(), {"-renderNode", node});
    return;
  }
}

// The number that the server chose, which it tells when it is ready.
base::Result<std::string> read_number(int descriptor, const std::string& name, const std::string& log) {
  std::string text;
  while (text.find('\n') == text.npos) {
    pollfd ready{descriptor, POLLIN, 0};
    char bytes[16];
    if (poll(&ready, 1, 15000) <= 0) return base::Error{name + " was not ready within 15 seconds"};
    const ssize_t got = read(descriptor, bytes, sizeof bytes);
    if (got <= 0) return base::Error{name + " ended at once: " + last_words(log)};
    text.append(bytes, static_cast<size_t>(got));
  }
  return ":" + text.substr(0, text.find('\n'));
}

base::Result<Display> start(Kind kind, const std::string& folder, const std::string& authority) {
  if (!is_installed(kind.name)) return base::Error{std::string(kind.name) + " is not installed"};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return base::Error{"no pipe"};
  base::Fd reading(ends[0]), writing(ends[1]);
  add_render_node(kind);
  ChildOptions options;
  options.command = {kind.name, "-displayfd", std::to_string(writing.get()), "-auth", authority, "-nolisten",
                     "tcp",     "-noreset"};
  options.command.insert(options.command.end(), kind.arguments.begin(), kind.arguments.end());
  options.log = folder + "/" + kind.name + ".log";
  options.keep = writing.get();
  const pid_t process = TRY(spawn(options));
  writing.close();
  auto number = read_number(reading.get(), kind.name, options.log);
  if (!number) {
    kill(process, SIGKILL);
    return base::Error{number.error()};
  }
  const std::string description = "X display " + number.value() + " (" + kind.name + ", started for this session)";
  return Display{number.value(), description, authority, process, kind.resizable};
}

}  // namespace

base::Result<Display> make_display(const ServeOptions& options, const std::string& folder) {
  if (!options.display.empty()) {
    auto reached = x11::Connection::open(options.display);
    if (!reached) return base::Error{reached.error()};
    return Display{options.display, "X display " + options.display + " (attached)", "", 0, false};
  }
  const std::string authority = TRY(make_authority(folder));
  std::string why;
  for (const Kind& kind : kinds(options, folder)) {
    if (options.server != "auto" && options.server != kind.name) continue;
    auto display = start(kind, folder, authority);
    if (display) return display;
    why += (why.empty() ? "" : "; ") + display.error();
    base::log(base::Level::info, "display", {{"server", kind.name}, {"why", display.error()}});
  }
  return base::Error{"no X server could be started: " + why + " (Debian: apt install tigervnc-standalone-server)"};
}

}  // namespace desktop
