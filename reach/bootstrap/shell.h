// A shell on the far side, and how a script gets to it.
#pragma once
#include "reach/server.h"

namespace reach {

struct FarShell {
  enum class Script {
    quoted,    // one more word, for a login shell to take apart (ssh)
    argument,  // one more word, as it is
    input,     // the first line of its standard input
  };
  std::string name;  // of the machine, for people
  Words words;       // that start it, up to the script
  Script script;
};

// The script has no single quote and no newline. `relay`: what it says on standard error is shown as it comes.
base::Result<Server> start(const FarShell& shell, const std::string& script, bool relay);

}  // namespace reach
