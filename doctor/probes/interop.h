// Windows' programs, run from WSL: where they are, whether they can be run, what they print.
#pragma once
#include <map>
#include <string>

#include "doctor/probes/command.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/sink.h"

namespace outboard::doctor::probes {

// The program's path for run_command: in Windows' folder, else by the name in the folders of commands.
std::string program(const Place& place, const std::string& inside, const std::string& name);

// Whether Windows can be asked. In a WSL where it cannot, says why not.
bool can_ask(const Place& place, const char* keys, Sink& sink);

Output run_powershell(const Place& place, const char* script, milliseconds limit);
// A value that went through a line: "\\n" in letters is a line's end.
std::string replace_line_ends(std::string text);

// The values of a key as reg.exe prints them; numbers in decimal. A key that is not there has none.
struct RegistryKey {
  bool answered = false;  // reg.exe ran
  std::map<std::string, std::string> values;
};
RegistryKey query_registry(const Place& place, const std::string& key);

}  // namespace outboard::doctor::probes
