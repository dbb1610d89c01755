#include "reach/bootstrap/via.h"

#include <regex>

#include "reach/bootstrap/bootstrap.h"
#include "reach/bootstrap/copying.h"

namespace reach {
namespace {

// What is before a server's start, and its arguments: plain words, with nothing in them that a shell would take for
// more.
struct Way {
  std::string before, arguments;
};

base::Result<Way> take_apart(const links::Address& address) {
  static const std::regex form(R"(((?:.*\s)?)[\w./~$-]*outboard\s+(serve\s[\w\s./:=,@+-]*--stdio[\w\s./:=,@+-]*))");
  std::smatch parts;
  if (std::regex_match(address.where, parts, form)) return Way{parts[1], parts[2]};
  return base::Error{
      "--bootstrap cannot copy anything by '" + address.text() +
      "': it needs a command that ends with the words outboard serve --stdio, in whose place a shell can be started"};
}

// Says where the copy is, or what the machine is that has none.
std::string looking_script() {
  return "o=" + std::string(far_cache) + "/" + protocol_name() + "/bin/outboard; if [ -x \"$o\" ]; then " +
         say_mark("$o") + "; else " + say_missing() + "; fi";
}

const Meanwhile nothing = [] { return base::Done{}; };  // an interrupt ends this process, and with it the command

base::Result<Mark> look(const FarShell& shell) {
  Server server = TRY(start(shell, looking_script(), true));
  Copying answer(server, nothing);
  Mark mark = TRY(answer.await_mark());
  answer.close();
  const int code = server.finish();
  if (mark.state() == Mark::State::found) return mark;
  const std::string words = server.last_words();
  return base::Error{"'" + shell.words.back() + "' starts no shell (exit code " + std::to_string(code) + ")" +
                     (words.empty() ? "" : "; it said: " + words)};
}

bool is_plain(const std::string& path) {
  static const std::regex plain("/[A-Za-z0-9_./@+-]*");
  return std::regex_match(path, plain);
}

}  // namespace

base::Result<links::Address> bootstrap_via(const links::Address& address) {
  const Way way = TRY(take_apart(address));
  const FarShell shell{address.text(), {"/bin/sh", "-c", way.before + "sh"}, FarShell::Script::input};
  Mark mark = TRY(look(shell));
  if (const std::string machine = mark.machine(); !machine.empty()) {
    TRY(bootstrap(shell, machine, nothing));
    mark = TRY(look(shell));
  }
  if (!is_plain(mark.said()))
    return base::Error{"the copy of Outboard at " + address.text() + " is at '" + mark.said() +
                       "', which cannot be named in a command; set XDG_CACHE_HOME there"};
  links::Address there = address;
  there.where = way.before + mark.said() + " " + way.arguments;
  return there;
}

}  // namespace reach
