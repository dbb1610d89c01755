#include "reach/bootstrap/shell.h"

#include "link/handover.h"

namespace reach {

base::Result<Server> start(const FarShell& shell, const std::string& script, bool relay) {
  Words words = shell.words;
  if (shell.script == FarShell::Script::quoted) words.push_back(for_any_shell(script));
  if (shell.script == FarShell::Script::argument) words.push_back(script);
  Server server = TRY(Server::start(words, relay));
  if (shell.script != FarShell::Script::input) return server;
  // A shell may read more than a line at once: nothing else is sent before it has said something.
  std::string line = script + "\n";
  iovec piece[] = {{line.data(), line.size()}};
  (void)links::send_with(server.socket(), piece, {});  // one that has ended says so itself
  return server;
}

}  // namespace reach
