// Scripts: who runs them, and what they need beside themselves.
#pragma once
#include <string>
#include <vector>

namespace exec {

// A command whose name alone says that it reads programs: python3, bash, perl, ...
bool is_interpreter(const std::string& name);
// The file that an interpreter's command line names; empty: none that is here.
std::string script_among(const std::vector<std::string>& command);
// Of a first line: "/usr/bin/env python3" gives python3, "/bin/sh" gives /bin/sh.
std::string interpreter_of(const std::string& script);
// A command in one of the user's own folders of PATH; empty: it is the system's, or there is none.
std::string find_own_command(const std::string& name);
// Python modules beside a script that it imports and that do not travel, one sentence each.
void tell_missing_imports(const std::string& script, const std::vector<std::string>& inputs, bool whole_folder,
                          std::vector<std::string>& told);

}  // namespace exec
