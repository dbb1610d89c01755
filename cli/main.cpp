// Command line of Outboard: one subcommand, one file.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <regex>

#include "api/checks.h"
#include "cli/completion.h"
#include "cli/doctor.h"
#include "cli/join.h"
#include "cli/run.h"
#include "cli/serve.h"
#include "cli/sessions.h"
#include "cli/targets.h"
#include "cli/token.h"
#include "cli/top.h"
#include "cli/vgpu.h"

namespace {

constexpr const char* target_help =
    "auto (OUTBOARD_TARGET, this machine's own GPU, servers by what they have and how near they are, then cpu), local, "
    "cpu "
    "(the software GPU), unix:PATH, "
    "tcp:HOST:PORT, tls:HOST:PORT#FINGERPRINT, vsock://CID:PORT, via:COMMAND or the name of a joined server";

// CLI11's form of a check: what is wrong, or nothing.
std::string is_capability(const std::string& text) {
  static const std::regex form("([5-9]|1[0-3])\\.[0-9]");
  return std::regex_match(text, form) ? "" : "'" + text + "' is no compute capability from 5.0 to 13.9";
}

void describe(CLI::App& doctor, cli::DoctorOptions& options) {
  doctor.add_flag("--json", options.json, "Print one JSON object (doctor/report/schema.json)");
  doctor.add_flag("--quiet", options.quiet, "Print the ids of what was found, and nothing else");
  doctor.add_flag("-v,--verbose", options.verbose, "Print all evidence, all ways, and what only looks like a cause");
  doctor.add_flag("--list-checks", options.list_checks, "List every check");
  doctor.add_option("--explain", options.explain, "Explain one cause, for example WSL-02")->type_name("ID");
  // The text may be left out: then it is read from standard input.
  auto* text =
      doctor.add_option("--explain-text", options.text, "Find the causes of an error text (default: standard input)");
  text->type_name("[TEXT]")->expected(0, 1);
  doctor.add_option("--replay", options.replay, "Diagnose a snapshot of a machine instead of this one; nothing is run")
      ->type_name("FILE");
  doctor.add_option("--bundle", options.bundle, "Write a snapshot of this machine, without names and secrets")
      ->type_name("FILE");
  doctor.add_flag("--fix", options.fix, "Show the mends that this program can make, and make each after a yes");
  doctor.add_flag("--yes", options.yes, "With --fix: do not ask");
  doctor.add_flag("--undo", options.undo, "Take the last mend back");
  doctor.add_option(
      "what", options.words,
      "cuda, hip, opencl, vulkan, opengl, egl; ids of checks; or, after --, a program: it is read, not run");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Outboard gives a GPU to programs that cannot reach one."};
  app.set_version_flag("--version", "outboard " OUTBOARD_VERSION);
  app.require_subcommand(1);

  auto* run = app.add_subcommand("run", "Run a program with a GPU: outboard run [--on TARGET] -- CMD...");
  cli::RunOptions running;
  run->add_option("--on", running.target, target_help);
  run->add_option("--devices", running.devices, "With cpu: how many devices the program sees, 1 to 16 (default 1)")
      ->check(CLI::Range(1, 16));
  run->add_option("--cc", running.capability,
                  "The compute capability that the software GPU claims, for example 8.6 (default: 9.0, and what "
                  "NVIDIA's libraries need towards them)")
      ->type_name("X.Y")
      ->check(CLI::Validator(is_capability, "", "capability"));
  run->add_flag("--check{all}", running.checks,
                std::string("Check what kernels do with memory; --check=LIST: ") + api::check_names +
                    ". On the software GPU only")
      ->type_name("[=LIST]");
  run->add_option("--check-exit", running.check_exit, "The exit code when --check has found errors")
      ->check(CLI::Range(0, 255))
      ->capture_default_str();
  run->add_option("--vgpu", running.vgpu, "The virtual GPU of the server that the program gets (outboard vgpu)");
  run->add_flag("--queue,!--no-queue", running.queue, "Wait for a place when the server or the virtual GPU is full");
  run->add_flag("--plaintext", running.plaintext,
                "Let tcp:HOST:PORT reach another machine: whoever is on the way can read and change everything");
  run->add_flag("--verbose", running.verbose, "Say which GPU the program gets, and what was tried");
  run->add_option("command", running.command, "The program and its arguments")->required();
  run->positionals_at_end();

  auto* serve = app.add_subcommand("serve", "Offer this machine's device to other programs and machines");
  cli::ServeOptions serving;
  serve->add_option(
      "--listen", serving.listen,
      "unix:PATH, tcp:127.0.0.1:PORT, tls:HOST:PORT (encrypted) or vsock://any:PORT; may be repeated (default: this "
      "user's socket)");
  serve->add_flag("--stdio", serving.stdio,
                  "Serve one client over standard input and output (via:'ssh HOST outboard serve --stdio')");
  serve->add_option("--device", serving.device, "cpu: the software GPU")->capture_default_str();
  serve->add_option("--devices", serving.devices, "How many devices each client sees, 1 to 16 (default 1)")
      ->check(CLI::Range(1, 16));
  serve->add_option("--memory", serving.memory, "Memory of each device, for each client, for example 8GiB");
  serve->add_option("--max-clients", serving.most_clients, "Refuse more clients than this")->capture_default_str();
  serve->add_flag("--require-token", serving.require_token, "Serve nobody without a token, wherever he comes from");
  serve->add_flag("--no-sandbox", serving.no_sandbox,
                  "Let workers do what this user may (for debuggers and profilers)");
  serve->add_option("--metrics", serving.metrics, "127.0.0.1:PORT: /metrics for Prometheus and /healthz");
  serve
      ->add_option("--grace", serving.grace_seconds,
                   "Seconds that a session over TCP waits for a client whose connection broke; 0: none")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  serve->add_flag("--plaintext", serving.plaintext,
                  "Let tcp:HOST:PORT listen beyond this machine: whoever is on the way can read and change everything");
  serve->add_flag("--quiet", serving.quiet, "Log warnings and errors only");

  auto* targets = app.add_subcommand("targets", "Show where a GPU can be had, and which of them answer");

  bool probe_links = false;
  targets->add_flag("--probe", probe_links, "Measure each link: its kind, a round trip, the bandwidth");
  auto* doctor = app.add_subcommand(
      "doctor",
      "Say why there is no GPU here, and what the way out is: outboard doctor [INTERFACE | CHECK | -- PROGRAM]");
  cli::DoctorOptions diagnosing;
  describe(*doctor, diagnosing);
  std::vector<std::pair<CLI::App*, std::function<int()>>> more;  // commands, and what runs them
  cli::add_vgpu(app, more);
  cli::add_token(app, more);
  cli::add_join(app, more);
  cli::add_sessions(app, more);
  cli::add_top(app, more);

  auto* help = app.add_subcommand("help", "Explain a command: outboard help run");
  std::string topic;
  help->add_option("command", topic, "The command to explain");

  auto* completion = app.add_subcommand("completion", "Print a completion script: outboard completion bash|zsh");
  std::string shell;
  completion->add_option("shell", shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& asked) {
    return app.exit(asked);
  } catch (const CLI::CallForVersion& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return app.got_subcommand(doctor) ? 4 : 2;
  }
  if (*run) return cli::run(std::move(running));
  if (*serve) return cli::serve(serving);
  if (*targets) return cli::list_targets(probe_links);
  if (*doctor) {
    diagnosing.explains_text = doctor->count("--explain-text") > 0;
    return cli::doctor(diagnosing);
  }
  for (const auto& [command, body] : more)
    if (*command) return body();
  if (*completion) return cli::print_completion(app, shell);
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
