#include "cli/run.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <regex>

#include "api/checks.h"
#include "cli/checked.h"
#include "cli/doctor.h"
#include "cli/packages.h"
#include "cli/reach.h"
#include "cli/run_in_place.h"
#include "cli/targets.h"
#include "client/target.h"

namespace cli {
namespace {

const char* const target_help =
    "auto (OUTBOARD_TARGET, this machine's own GPU, servers by what they have and how near they are, then cpu), local, "
    "cpu (the software GPU), host, unix:PATH, tcp:HOST:PORT, tls:HOST:PORT#FINGERPRINT, vsock://CID:PORT, "
    "ssh://[USER@]HOST[:PORT], slurm://[PARTITION][?gres=...&mem=...&time=...], via:COMMAND, the name of a joined "
    "server";

// CLI11's form of a check: what is wrong, or nothing.
std::string is_capability(const std::string& text) {
  static const std::regex form("([5-9]|1[0-3])\\.[0-9]");
  return std::regex_match(text, form) ? "" : "'" + text + "' is no compute capability from 5.0 to 13.9";
}

namespace fs = std::filesystem;

// All that were tried; the last is the one to use, or none works.
std::vector<Target> choose(const RunOptions& options) {
  if (options.target != "auto") return {probe(options.target)};
  return choose_target(options.devices || !options.checks.empty() || !options.vgpu.empty() ||
                       !options.capability.empty());
}

void complain(const std::vector<Target>& tried) {
  std::fprintf(stderr, "outboard: no GPU for this program; tried:\n");
  for (const Target& target : tried) std::fprintf(stderr, "  %s: %s\n", target.name.c_str(), target.detail.c_str());
  if (std::string verdict = doctor_in_a_line(); !verdict.empty())
    std::fprintf(stderr, "outboard: %s outboard doctor says more.\n", verdict.c_str());
}

// Why the program cannot have what was asked for from this target; empty: it can.
std::string refusal(const RunOptions& options, const Target& target) {
  if (options.devices && !target.software)
    return "--devices is for the software GPU of this machine (--on cpu); " + target.name +
           " decides by itself: start it with serve --devices " + std::to_string(options.devices);
  if (!options.vgpu.empty() && (target.software || target.local))
    return "the virtual GPU '" + options.vgpu + "' is a server's, and no server answers; see outboard targets";
  if (options.checks.empty()) return {};
  if (!api::parse_checks(options.checks))
    return "--check=" + options.checks + ": what can be checked is " + api::check_names + ", separated by commas";
  return target.is_software_gpu()
             ? ""
             : "--check needs the software GPU, and " + target.name + " is " + target.detail + "; use --on cpu";
}

// The program's environment, so that it finds Outboard's driver.
void stand_in(const RunOptions& options, const Target& target) {
  const std::string driver = library_folder(target.software ? "software" : "remote");
  put_in_front("LD_LIBRARY_PATH", driver);
  if (!target.software) setenv("OUTBOARD_TARGET", target.name.c_str(), 1);
  if (!options.capability.empty()) setenv("OUTBOARD_CC", options.capability.c_str(), 1);
  if (target.is_software_gpu()) ask_packages_for_ptx(driver);
}

std::vector<char*> as_arguments(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  return arguments;
}

// On the machine that this is, or, with client=PARTITION, on a node of the cluster beside the server's.
int run_at_slurm(const RunOptions& options, const Target& target) {
  auto door = client::find_door(target.name);
  if (!door) return fail(door.error(), misused);
  if (!options.checks.empty()) return fail("--check is not for slurm://", misused);
  const links::Address& address = door.value().address;
  if (!links::in_query(address.query, "client").empty()) return run_in_client_half(address, options.command);
  return run_in_place(address, {options.command, [&](const reach::Place&) { return become(options.command); }});
}

}  // namespace

std::string library_folder(const char* name) {
  std::error_code error;
  fs::path lib = fs::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "lib";
  fs::path installed = lib / "outboard" / name;
  return fs::exists(installed, error) ? installed : lib / name;
}

int become(const std::vector<std::string>& command) {
  const std::vector<char*> arguments = as_arguments(command);
  execvp(arguments[0], arguments.data());
  const int reason = errno;
  std::fprintf(stderr, "outboard: cannot run %s: %s\n", arguments[0], std::strerror(reason));
  return reason == ENOENT ? 127 : 126;
}

int run(RunOptions options) {
  if (!options.vgpu.empty()) setenv("OUTBOARD_VGPU", options.vgpu.c_str(), 1);
  if (options.queue) setenv("OUTBOARD_QUEUE", "1", 1);
  if (options.plaintext) setenv("OUTBOARD_PLAINTEXT", "1", 1);
  if (options.verbose) setenv("OUTBOARD_VERBOSE", "1", 1);
  const std::vector<Target> tried = choose(options);
  if (!tried.back().works) {
    complain(tried);
    return 2;
  }
  const Target& target = tried.back();
  if (std::string why = refusal(options, target); !why.empty()) return fail(why, misused);
  if (options.devices) setenv("OUTBOARD_DEVICES", std::to_string(options.devices).c_str(), 1);
  if (options.verbose)
    for (const Target& each : tried)
      std::fprintf(stderr, "outboard: %s %s: %s\n", &each == &target ? "using" : "tried", each.name.c_str(),
                   each.detail.c_str());
  if (!target.local) stand_in(options, target);
  if (target.queued) return run_at_slurm(options, target);
  if (options.checks.empty()) return become(options.command);
  setenv("OUTBOARD_CHECK", options.checks.c_str(), 1);
  return run_checked(as_arguments(options.command).data(), options.check_exit);
}

namespace {

// The subcommand; its options land in `options`.
CLI::App* describe(CLI::App& app, RunOptions& options) {
  auto* run = app.add_subcommand("run", "Run a program with a GPU: outboard run [--on TARGET] -- CMD...");
  run->add_option("--on", options.target, target_help);
  run->add_option("--devices", options.devices, "With cpu: how many devices the program sees, 1 to 16 (default 1)")
      ->check(CLI::Range(1, 16));
  run->add_option("--cc", options.capability,
                  "The compute capability that the software GPU claims, for example 8.6 (default: 9.0, and what "
                  "NVIDIA's libraries need towards them)")
      ->type_name("X.Y")
      ->check(CLI::Validator(is_capability, "", "capability"));
  run->add_flag("--check{all}", options.checks,
                std::string("Check what kernels do with memory; --check=LIST: ") + api::check_names +
                    ". On the software GPU only")
      ->type_name("[=LIST]");
  run->add_option("--check-exit", options.check_exit, "The exit code when --check has found errors")
      ->check(CLI::Range(0, 255))
      ->capture_default_str();
  run->add_option("--vgpu", options.vgpu, "The virtual GPU of the server that the program gets (outboard vgpu)");
  run->add_flag("--queue,!--no-queue", options.queue, "Wait for a place when the server or the virtual GPU is full");
  run->add_flag("--plaintext", options.plaintext,
                "Let tcp:HOST:PORT reach another machine: whoever is on the way can read and change everything");
  run->add_flag("-v,--verbose", options.verbose, "Say which GPU the program gets, and what was tried");
  add_bootstrap(*run);
  run->add_option("command", options.command, "The program and its arguments")->required();
  run->positionals_at_end();
  return run;
}

}  // namespace

void add_run(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<RunOptions>();
  auto* command = describe(app, *options);
  commands.emplace_back(command, [options, command] {
    auto target = note_bootstrap(*command, options->target);
    if (!target) return fail(target.error(), misused);
    options->target = target.value();
    return run(std::move(*options));
  });
}

}  // namespace cli
