// Command line of Outboard: one subcommand, one file.
#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/completion.h"
#include "cli/desktop.h"
#include "cli/doctor.h"
#include "cli/exec.h"
#include "cli/jobs.h"
#include "cli/join.h"
#include "cli/place.h"
#include "cli/reach.h"
#include "cli/run.h"
#include "cli/serve.h"
#include "cli/sessions.h"
#include "cli/targets.h"
#include "cli/token.h"
#include "cli/top.h"
#include "cli/vgpu.h"

namespace {

int explain(const CLI::App& app, const std::string& topic) {
  const CLI::App* explained = topic.empty() ? &app : nullptr;
  for (const CLI::App* each : app.get_subcommands([&](const CLI::App* one) { return one->get_name() == topic; }))
    explained = each;
  if (!explained) {
    std::cerr << "outboard: there is no command '" << topic << "'; outboard help lists them\n";
    return 2;
  }
  std::cout << explained->help();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Outboard gives a GPU to programs that cannot reach one."};
  app.set_version_flag("--version", "outboard " OUTBOARD_VERSION);
  app.require_subcommand(1);
  cli::Commands commands;
  for (auto add : {cli::add_run, cli::add_exec, cli::add_jobs, cli::add_supervise_job, cli::add_serve, cli::add_targets,
                   cli::add_doctor, cli::add_vgpu, cli::add_token, cli::add_join, cli::add_sessions, cli::add_top,
                   cli::add_desktop, cli::add_reach, cli::add_place})
    add(app, commands);
  std::string topic, shell;
  auto* help = app.add_subcommand("help", "Explain a command: outboard help run");
  help->add_option("command", topic, "The command to explain");
  commands.emplace_back(help, [&] { return explain(app, topic); });
  auto* completion = app.add_subcommand("completion", "Print a completion script: outboard completion bash|zsh");
  completion->add_option("shell", shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  commands.emplace_back(completion, [&] { return cli::print_completion(app, shell); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& asked) {
    return app.exit(asked);
  } catch (const CLI::CallForVersion& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return app.got_subcommand("doctor") ? 4 : 2;  // the doctor's exit codes say what it found
  }
  for (const auto& [command, body] : commands)
    if (*command) return body();
  return 2;
}
