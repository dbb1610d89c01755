// Command line of Outboard.
#include <CLI/CLI.hpp>

#include "cli/run.h"

int main(int argc, char** argv) {
  CLI::App app{"Outboard gives a GPU to programs that cannot reach one."};
  app.set_version_flag("--version", "outboard " OUTBOARD_VERSION);
  app.require_subcommand(1);
  auto* run = app.add_subcommand("run", "Run a program with a GPU: outboard run [--on TARGET] -- CMD...");
  std::string target = "auto";
  bool verbose = false;
  std::vector<std::string> command;
  run->add_option("--on", target, "auto or cpu (the software GPU); servers are not available in this version");
  run->add_flag("--verbose", verbose, "Say which GPU the program gets");
  run->add_option("command", command, "The program and its arguments")->required();
  run->positionals_at_end();
  CLI11_PARSE(app, argc, argv);
  return cli::run(target, verbose, std::move(command));
}
