#include "reach/far.h"

#include "wire/message.h"

namespace reach {
namespace {

constexpr const char* mark = "outboard-far-side ";
constexpr size_t longest_greeting = size_t{1} << 20;  // of a login shell

}  // namespace

std::string for_any_shell(const std::string& script) { return "exec /bin/sh -c '" + script + "'"; }

std::string protocol_name() { return "protocol-" + std::to_string(wire::newest_version); }

std::string say_mark(const std::string& what) { return std::string("echo; echo \"") + mark + what + "\""; }

std::string say_missing() {
  return say_mark("missing $(uname -s) $(uname -m) $(getconf GNU_LIBC_VERSION 2>/dev/null)");
}

std::string far_script(const FarCommand& command) {
  const std::string& near = command.near_program;
  std::string text = "PATH=$PATH:/usr/local/bin:$HOME/.local/bin:/opt/outboard/bin; o=" + std::string(far_cache) + "/" +
                     protocol_name() + "/bin/outboard; ";
  if (!near.empty()) text += "[ -x \"$o\" ] || o=\"" + near + "\"; ";
  text += command.copy_alone ? "[ -x \"$o\" ] || o=; " : "[ -x \"$o\" ] || o=$(command -v outboard) || o=; ";
  text += "if [ -n \"$o\" ]; then " + (command.says_mark ? say_mark("ready") + "; " : "") +
          (command.stays ? "" : "exec ") + "\"$o\" " + command.arguments + "; exit $?; fi; ";
  if (command.says_mark) text += say_missing() + "; ";
  return text + (command.otherwise.empty() ? "exit 127" : command.otherwise);
}

Mark::State Mark::take(char byte) {
  if (state_ != State::searching) return state_;
  if (++seen_ > longest_greeting) return state_ = State::lost;
  if (byte != '\n') {
    if (line_.size() < 512) line_ += byte;
    return state_;
  }
  std::string line;
  line.swap(line_);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (!line.starts_with(mark)) return state_;
  said_ = line.substr(std::string_view(mark).size());
  return state_ = State::found;
}

}  // namespace reach
