// Where a program's GPU may be: what `auto` tries, and `outboard targets` shows.
#pragma once
#include <string>
#include <vector>

#include "cli/commands.h"
#include "doctor/advice.h"

namespace cli {

struct Target {
  std::string name;  // as --on takes it
  bool works = false;
  bool software = false;    // the software GPU in the program's own process
  std::string detail;       // the device's name, or why it does not work
  bool local = false;       // this machine's own GPU and driver: nothing stands in
  double milliseconds = 0;  // to ask it
  bool queued = false;      // a cluster's scheduler: it works when it answers, and gives a place when it has one

  bool on_this_machine() const;
  bool is_software_gpu() const;  // in this process or behind a server
  bool only_measures() const;    // a server of the null device
};

// One target by name: "local", "cpu", unix:..., tcp:..., via:..., a joined server. Connects and greets.
Target probe(const std::string& name, int timeout_ms = 10000);
// What `auto` knows: OUTBOARD_TARGET, local, this user's server, the host of this virtual machine, servers that were
// joined, cpu.
std::vector<std::string> automatic_targets();
// What the doctor's advisor is told of it.
outboard::doctor::Server as_server(const Target& target);
// All at once; in their order.
std::vector<Target> probe_all(const std::vector<std::string>& names, int timeout_ms);
// What `auto` takes: OUTBOARD_TARGET, the machine's own GPU, then the best by doctor::better; `cpu` last. What was
// asked, the best last; the last does not work: none does. `no_local`: something is wanted that needs Outboard.
std::vector<Target> choose_target(bool no_local);

// outboard targets: `names`, or all that `auto` knows. Exit code 0 when one works.
int list_targets(const std::vector<std::string>& names, bool probe_links = false);
void add_targets(CLI::App& app, Commands& commands);

}  // namespace cli
