// Where a program's GPU may be: what `auto` tries, and `outboard targets` shows.
#pragma once
#include <string>
#include <vector>

namespace cli {

struct Target {
  std::string name;  // as --on takes it
  bool works = false;
  bool software = false;  // the software GPU in the program's own process
  std::string detail;     // the device's name, or why it does not work
};

// One target by name: "cpu", unix:..., tcp:..., via:... Connects and greets.
Target probe(const std::string& name);
// What `auto` tries, best first: OUTBOARD_TARGET, this user's server, servers that were joined, cpu.
std::vector<std::string> automatic_targets();

// outboard targets: exit code 0 when one works.
int list_targets(bool probe_links = false);

}  // namespace cli
