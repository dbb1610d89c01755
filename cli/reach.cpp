#include "cli/reach.h"

#include <fcntl.h>

#include <csignal>
#include <cstdlib>
#include <memory>

#include "client/target.h"
#include "link/address.h"
#include "reach/bootstrap/bootstrap.h"
#include "reach/bootstrap/via.h"
#include "reach/program.h"
#include "reach/slurm/slurm.h"
#include "reach/ssh.h"

namespace cli {
namespace {

struct ReachOptions {
  bool ask = false;
  std::string target;
};

constexpr int control = 3;  // the descriptor that link/helper.cpp gives us

int reach(const ReachOptions& options) {
  if (fcntl(control, F_SETFD, FD_CLOEXEC) < 0)
    return fail("reach is what Outboard starts by itself; see outboard help run");
  std::signal(SIGPIPE, SIG_IGN);
  ::reach::Program program{base::Fd(control)};
  auto address = links::parse(options.target);
  if (!address) return program.fail(address.error()), 1;
  if (address.value().kind == links::Address::Kind::slurm)
    return ::reach::reach_slurm(program, address.value(), options.ask);
  return ::reach::reach_ssh(program, address.value(), options.ask);
}

}  // namespace

void add_bootstrap(CLI::App& command) {
  command.add_flag("--bootstrap")
      ->description(
          "With ssh://, slurm:// and via:: copy this Outboard into the cache of a machine that has none, after a yes");
  if (command.get_name() != "doctor") command.add_flag("--yes")->description("With --bootstrap: do not ask");
}

base::Result<std::string> note_bootstrap(const CLI::App& command, const std::string& target) {
  if (!command.count("--bootstrap")) return target;
  ::reach::want_bootstrap(command.count("--yes") > 0);
  const char* usual = std::getenv("OUTBOARD_TARGET");
  if (target == "auto" && !(usual && *usual)) return target;
  auto door = client::find_door(target == "auto" ? usual : target);
  if (door && door.value().address.is_started()) return target;
  if (!door || door.value().address.kind != links::Address::Kind::command)
    return base::Error{"--bootstrap copies Outboard to where ssh://, slurm:// and via: lead, and not to " +
                       (target.empty() ? "this machine; say --on TARGET" : target)};
  return TRY(::reach::bootstrap_via(door.value().address)).text();
}

void add_reach(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<ReachOptions>();
  auto* reach_command = app.add_subcommand("reach", "Start a server for a program")->group("");
  reach_command->add_flag("--ask", options->ask, "Only see what is there");
  reach_command->add_option("target", options->target, "ssh://... or slurm://...")->required();
  commands.emplace_back(reach_command, [options] { return reach(*options); });
}

}  // namespace cli
