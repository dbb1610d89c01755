#include "cli/exec.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "cli/reach.h"
#include "cli/run.h"
#include "cli/run_in_place.h"
#include "cli/targets.h"
#include "client/target.h"
#include "exec/far/supervisor.h"
#include "exec/near/ship.h"
#include "link/address.h"

namespace cli {
namespace {

struct Options {
  exec::Request request;
  std::string keep, grace;
};

// A job is submitted for who asks for one.
bool can_be_chosen(const Target& target) { return target.works && !target.queued; }

// What `auto` means where the program itself goes: a server that was named, this user's own, the host, servers that
// were joined. Never this process: then nothing would travel.
std::string choose_host() {
  if (const char* named = std::getenv("OUTBOARD_TARGET"); named && *named) return named;
  for (const std::string& name : automatic_targets())
    if (name != "local" && name != "cpu" && can_be_chosen(probe(name, 3000))) return name;
  return "";
}

// One job holds the place for all connections of the run, which goes on there no longer than we are here; with --detach
// the job stays until the program has ended.
int ship_to_cluster(exec::Request& request, const links::Address& address) {
  if (!links::in_query(address.query, "client").empty())
    return exec::complain(2, "client=PARTITION is for outboard run; the program runs beside the device here");
  if (request.detach && links::in_query(address.query, "requeue") == "1")
    return exec::complain(2,
                          "requeue=1 does not go with --detach: what was sent is on the node that failed; leave out "
                          "one of them");
  constexpr uint64_t lease = reach::Place::lease_seconds;
  if (!request.detach) request.grace = std::min(request.grace.value_or(lease), lease);
  auto ship = [&request](const reach::Place& place) {
    close_range(3, ~0u, 0);  // the place is held by our parent alone
    request.target = place.target();
    return exec::ship(request);
  };
  return run_in_place(address, {request.command, ship, !request.detach, request.detach});
}

int run(Options& options) {
  exec::Request& request = options.request;
  uint64_t seconds = 0;
  if (!options.keep.empty()) {
    if (!parse_duration(options.keep, seconds))
      return exec::complain(2, "--keep '" + options.keep + "' is no time; write for example 12h or 7d");
    request.keep = seconds;
  }
  if (!options.grace.empty()) {
    if (options.grace != "0" && !parse_duration(options.grace, seconds))
      return exec::complain(2, "--grace '" + options.grace + "' is no time; write for example 30s or 5m");
    request.grace = options.grace == "0" ? 0 : seconds;
  }
  if (request.terminal && request.detach)
    return exec::complain(2, "-t is for somebody who is there, and --detach leaves; leave one of them out");
  if (request.terminal && !isatty(0)) return exec::complain(2, "-t needs a terminal as standard input");
  if (request.target == "cpu" || request.target == "local")
    return exec::complain(
        2, "the program is on this machine already; outboard run --on " + request.target + " runs it here");
  if (request.target == "auto" && (request.target = choose_host()).empty())
    return exec::complain(2, "no host for the program was found; say which with --on, or start one: outboard serve");
  if (auto door = client::find_door(request.target); door && door.value().address.kind == links::Address::Kind::slurm)
    return ship_to_cluster(request, door.value().address);
  return exec::ship(request);
}

// What Slurm tells a job's processes: where they run, and, beside a GPU of the node's own, which of them are theirs.
void add_allocation(std::vector<std::pair<std::string, std::string>>& to, bool own) {
  for (char** each = environ; *each; ++each) {
    const std::string_view line = *each;
    const bool tells = line.starts_with("SLURM") || (own && line.starts_with("CUDA_VISIBLE_DEVICES="));
    if (size_t equals = line.find('='); tells && equals != line.npos)
      to.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
}

exec::HostGpu find_gpu(const std::string& vgpu) {
  exec::HostGpu gpu;
  const bool own = access("/dev/nvidiactl", F_OK) == 0 || access("/dev/dxg", F_OK) == 0;
  add_allocation(gpu.environment, own);
  for (const char* name : {"remote", "software", "compilers"}) gpu.readable.push_back(library_folder(name));
  if (!vgpu.empty()) {
    gpu.in_front_of_library_path = {library_folder("remote")};
    const char* own_socket = std::getenv("OUTBOARD_OWN_SOCKET");
    const std::string server = own_socket ? own_socket : "unix:" + links::default_socket_path();
    gpu.environment.insert(gpu.environment.end(), {{"OUTBOARD_TARGET", server}, {"OUTBOARD_VGPU", vgpu}});
    return gpu;
  }
  if (own) return gpu;
  const std::string driver = library_folder("software"), compilers = library_folder("compilers");
  gpu.in_front_of_library_path = {driver};
  // As cli/packages.h, for programs that compile kernels themselves.
  const std::string stand_in = compilers + "/liboutboard_compilers.so";
  if (access(stand_in.c_str(), R_OK) == 0) gpu.environment.emplace_back("LD_PRELOAD", stand_in);
  gpu.environment.insert(gpu.environment.end(), {{"CUPY_COMPILE_WITH_PTX", "1"},
                                                 {"JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1"},
                                                 {"TRITON_PTXAS_PATH", compilers + "/ptxas"},
                                                 {"TRITON_PTXAS_BLACKWELL_PATH", compilers + "/ptxas"},
                                                 {"TRITON_LIBCUDA_PATH", driver}});
  return gpu;
}

CLI::App* describe(CLI::App& app, Options& options) {
  exec::Request& request = options.request;
  auto* exec = app.add_subcommand("exec", "Ship a program to a host with a GPU, run it there, bring its results back");
  exec->add_option("--on", request.target, "The host: as outboard run has it, without local and cpu")
      ->capture_default_str();
  exec->add_option("--vgpu", request.vgpu, "The virtual GPU of the host's server that the program gets");
  exec->add_option("--in", request.inputs, "A file or folder that the program needs; may be repeated")
      ->allow_extra_args(false);
  exec->add_option("--out", request.outputs,
                   "Results to bring back, as a name or glob below the working folder; may be "
                   "repeated (default: whatever the program makes or changes)")
      ->allow_extra_args(false);
  exec->add_option("--to", request.to, "The folder that results go to")->capture_default_str();
  exec->add_option("--env", request.environment, "A variable for the program: NAME=VALUE, or NAME as it is here")
      ->allow_extra_args(false);
  exec->add_flag("--cwd", request.folder, "Ship the working folder, without what its .gitignore files name");
  exec->add_option("--venv", request.venv,
                   "A Python environment, by the requirements.txt beside it: the host installs those packages");
  exec->add_flag("-d,--detach", request.detach, "Start it, print the job's name, leave (outboard jobs)");
  exec->add_flag("-t,--tty", request.terminal, "Give the program a terminal: this one");
  exec->add_option("--keep", options.keep,
                   "How long the host keeps results, for example 12h (default: 7d, or until they are home)");
  exec->add_option("--grace", options.grace,
                   "End the program when we are gone for so long (default: it goes on as a job)");
  exec->add_flag("--overwrite", request.overwrite, "Replace files that were changed here while the program ran");
  exec->add_flag("-q,--quiet", request.quiet, "No progress, and no word about what was assumed");
  add_bootstrap(*exec);
  exec->add_option("command", request.command, "The program and its arguments")->required();
  exec->positionals_at_end();
  return exec;
}

}  // namespace

void add_exec(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<Options>();
  auto* command = describe(app, *options);
  commands.emplace_back(command, [options, command] {
    auto target = note_bootstrap(*command, options->request.target);
    if (!target) return exec::complain(125, target.error());
    options->request.target = target.value();
    return run(*options);
  });
}

void add_supervise_job(CLI::App& app, Commands& commands) {
  auto job = std::make_shared<std::string>();
  auto* supervise = app.add_subcommand("supervise-job", "")->group("");
  supervise->add_option("job", *job)->required();
  commands.emplace_back(supervise, [job] { return exec::supervise(*job, find_gpu); });
}

}  // namespace cli
